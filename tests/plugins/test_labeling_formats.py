"""CoNLL files, rows of annotation tools, and spans over characters as tags of words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework import InputError
from framework_labeling.detection import find_scheme
from framework_labeling.formats import parse_conll, read_conll
from framework_labeling.records import layout_of, read_record
from framework_labeling.rows import MarkedText, Sentence, read_tags, tokenized
from framework_labeling.schemes import Scheme, Span
from framework_labeling.words import join_words, split_words

WNUT17 = Path(__file__).parents[2] / "../shared/data/wnut17"
TEXT = "Anna met Bob Lee."
SPANS = [Span(0, 4, "PER"), Span(9, 16, "PER")]
CONLL2003 = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n"


def sentences_of(text: str) -> list[tuple[list[str], list[str], int]]:
    return [(list(s.tokens), list(s.tags), s.line) for s in parse_conll(text, "x.conll").sentences]


@pytest.mark.parametrize(
    "text",
    [
        CONLL2003,
        CONLL2003.replace(" ", "\t"),
        CONLL2003[:17] + CONLL2003[17:].replace(" ", "\t"),
        CONLL2003.replace(" ", "   "),
    ],
)
def test_the_token_is_the_first_column_and_the_tag_the_last_one(text: str) -> None:
    assert sentences_of(text) == [(["EU", "rejects"], ["B-ORG", "O"], 3), (["Peter"], ["B-PER"], 6)]


def test_byte_order_marks_line_ends_of_windows_and_blank_lines_with_a_tab_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.conll"
    path.write_bytes("\ufeffNew York\tB-LOC\r\n\t\r\n\r\nit\u00a0is\tO\r\n".encode())
    assert [list(s.tokens) for s in read_conll(path).sentences] == [["New York"], ["it\u00a0is"]]


def test_lines_that_begin_with_a_hash_are_comments_unless_they_look_like_the_rows() -> None:
    tabs = parse_conll("# id 7\n#hashtag\tO\nAnna\tB-PER\n", "x")
    assert ([list(s.tokens) for s in tabs.sentences], tabs.comments) == ([["#hashtag", "Anna"]], 1)
    spaces = parse_conll("# seven\n# O\nAnna B-PER\nran O\n", "x")
    assert ([list(s.tokens) for s in spaces.sentences], spaces.comments) == ([["#", "Anna", "ran"]], 1)


def test_a_first_column_that_counts_is_not_the_token() -> None:
    germeval = parse_conll("#\tsource\n1\tAnna\tB-PER\tO\n2\truns\tO\tO\n\n1\tSo\tO\tO\n", "x")
    assert list(germeval.sentences[0].tokens) == ["Anna", "runs"]
    assert "column 1 counts" in germeval.columns.reason
    rows = ["1-2 vámonos _ _ _ _ _ _ _ _", "1 vamos ir VERB _ _ 0 root _ _", "2 nos nosotros PRON _ _ 1 obj _ _"]
    conllu = parse_conll("# text = vámonos\n" + "\n".join(row.replace(" ", "\t") for row in rows), "x")
    assert conllu.sentences == [Sentence(["vamos", "nos"], ["VERB", "PRON"], 2)]


def test_tags_may_stand_first_where_they_are_bio() -> None:
    assert sentences_of("B-PER\tAnna\nO\truns\n") == [(["Anna", "runs"], ["B-PER", "O"], 1)]
    assert sentences_of("O O\nB-12 B-NUM\n") == [(["O", "B-12"], ["O", "B-NUM"], 1)]


def test_numbers_that_do_not_count_are_tokens() -> None:
    assert sentences_of("7 CD B-NUM\n") == [(["7"], ["B-NUM"], 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Anna B-PER\nruns\nhome O\n", "x.conll, line 2: 1 columns, the others have 2"),
        ("Anna\nruns\n", "these have 1"),
        ("\n\n", "holds no tokens"),
        (" ".join("abcdefghijk") + "\n", "these have 11"),
    ],
)
def test_files_that_are_no_conll_are_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_conll(text, "x.conll")


def test_a_file_in_another_encoding_is_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_bytes("Zoë B-PER\n".encode("latin-1"))
    with pytest.raises(InputError, match="byte 2 is not UTF-8"):
        read_conll(tmp_path / "x.conll")


LABEL_STUDIO = {
    "data": {"text": TEXT},
    "annotations": [
        {"was_cancelled": True, "result": []},
        {
            "result": [
                {"type": "labels", "value": {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}},
                {"type": "labels", "value": {"start": 9, "end": 16, "labels": ["PER"]}},
                {"type": "relation", "from_id": "a", "to_id": "b"},
                {"type": "choices", "value": {"choices": ["good"]}},
            ]
        },
    ],
}


@pytest.mark.parametrize(
    ("record", "layout"),
    [
        ([TEXT, {"entities": [[0, 4, "PER"], [9, 16, "PER"]]}], "spaCy"),
        (LABEL_STUDIO, "Label Studio"),
        ({"text": TEXT, "spans": [{"start": 0, "end": 4, "label": "PER"}, {"start": 9, "end": 16, "label": "PER"}],
          "tokens": [{"text": "Anna", "start": 0, "end": 4, "id": 0}], "answer": "accept"}, "Prodigy"),
        ({"text": TEXT, "entities": [[0, 4, "PER"], [9, 16, "PER"]]}, "text and spans (doccano, spaCy)"),
        ({"text": TEXT, "entities": '[[0, 4, "PER"], [9, 16, "PER"]]'}, "text and spans (doccano, spaCy)"),
        ({"id": 1, "text": TEXT, "label": [[0, 4, "PER"], [9, 16, "PER"]]}, "text and spans (doccano, spaCy)"),
        ({"data": TEXT, "labels": [[0, 4, "PER"], [9, 16, "PER"]]}, "text and spans (doccano, spaCy)"),
        ({"text": TEXT, "label": [], "entities": [{"id": 1, "start_offset": 0, "end_offset": 4, "label": "PER"},
                                     {"id": 2, "start_offset": 9, "end_offset": 16, "label": "PER"}], "relations": []},
         "text and spans (doccano, spaCy)"),
    ],
)  # fmt: skip
def test_every_tool_writes_the_same_marked_text(record: Any, layout: str) -> None:
    assert layout_of(record, 1).name == layout
    assert read_record(record, 3) == MarkedText(TEXT, SPANS, 3)


@pytest.mark.parametrize(
    "record",
    [
        {"tokens": ["Anna", "runs"], "tags": ["B-PER", "O"]},
        {"id": "0", "words": ["Anna", "runs"], "ner": ["B-PER", "O"]},
        {"tokens": ["Anna", "runs"], "ner_tags": [1, 0], "pos_tags": [3, 4]},
        {"text": "Anna runs", "tags": "B-PER O"},
        {"tokens": '["Anna", "runs"]', "tags": '["B-PER", "O"]'},
        {"Sentence #": "1", "Sentence": "Anna runs", "POS": "['NN', 'VB']", "Tag": "['B-PER', 'O']"},
        {"text": "Anna runs.", "tokens": ["Anna", "runs"], "labels": ["B-PER", "O"]},
    ],
)
def test_tokens_and_tags_are_read_by_their_usual_names(record: dict[str, Any]) -> None:
    assert read_record(record, 3, ["O", "B-PER"]) == Sentence(["Anna", "runs"], ["B-PER", "O"], 3)


def test_what_an_annotator_declined_is_no_row() -> None:
    assert read_record({"text": TEXT, "spans": [], "answer": "reject"}, 1) is None
    assert read_record({"text": TEXT, "answer": "ignore"}, 1) is None
    assert read_record({"data": {"text": TEXT}, "annotations": []}, 1) is None


def test_offsets_of_a_browser_count_an_emoji_twice_and_are_put_right_by_the_text_of_the_span() -> None:
    record = {"text": "😀 Anna", "label": [{"start": 3, "end": 7, "text": "Anna", "labels": ["PER"]}]}
    assert read_record(record, 1) == MarkedText("😀 Anna", [Span(2, 6, "PER")], 1)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "line 4: 2 tokens, but 1 tags"),
        ({"tokens": ["a"], "tags": [5]}, "line 4: the tag 5 is none of 0 to 1"),
        ({"text": "a", "entities": [["x", 1, "A"]]}, "line 4: a span is"),
        ({"text": "ab", "entities": [{"start": 0, "end": 1, "label": "A", "text": "b"}]}, "line 4: the span 0-1 is 'a'"),
        (["a", {"entitys": []}], "did you mean entitys"),
        ({"text": "good film", "label": "positive"}, "line 4: no labelled sequence in the keys text, label.*Label Studio"),
        ({"data": {"url": 3}, "annotations": [{"result": []}]}, "the data of the task has no text"),
        (5, "line 4: no labelled sequence in int"),
    ],
)
def test_a_record_that_is_wrong_is_named_by_its_line(record: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_record(record, 4, ["O", "B"])


def test_spans_are_trimmed_and_widened_to_words() -> None:
    sentence, widened = tokenized(MarkedText(TEXT, [Span(0, 5, "PER"), Span(10, 16, "PER")], 2))
    assert widened == 1
    assert sentence == Sentence(["Anna", "met", "Bob", "Lee", "."], ["B-PER", "O", "B-PER", "I-PER", "O"], 2)
    assert tokenized(MarkedText(TEXT, [SPANS[0], SPANS[0]])) == tokenized(MarkedText(TEXT, [SPANS[0]]))


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([Span(0, 4, "A"), Span(2, 8, "B")], "line 2: 'Anna' \\(0-4, A\\) and 'na met' \\(2-8, B\\) overlap"),
        ([Span(0, 2, "A"), Span(2, 4, "A")], "line 2: two spans share the word 'Anna'"),
        ([Span(12, 99, "A")], "line 2: the span 12-99 \\(A\\) is empty or outside its text of 17"),
        ([Span(3, 3, "A")], "line 2: the span 3-3"),
        ([Span(-1, 3, "A")], "line 2: the span -1-3"),
        ([Span(4, 5, "A")], "holds only spaces"),
    ],
)
def test_spans_that_cannot_be_are_named_by_their_line(spans: list[Span], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tokenized(MarkedText(TEXT, spans, 2))


def test_rows_whose_tags_are_of_another_scheme_are_named() -> None:
    sentences, impossible = read_tags([Sentence(["a", "b"], ["O", "I-A"], 1)])
    assert (sentences[0].tags, impossible) == (["O", "B-A"], 1)
    with pytest.raises(InputError, match="line 8: the tags are not all written in BIO: 'S-A'"):
        read_tags([Sentence(["a"], ["S-A"], 8)], Scheme("BIO"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't pay 3pm,ok_go", ["don", "'", "t", "pay", "3pm", ",", "ok", "_", "go"]),
        ("我爱Paris你", ["我", "爱", "Paris", "你"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301\u00a0می\u200cخواهم", ["cafe\u0301", "می\u200cخواهم"]),
        ("한국어 a\x00b", ["한국어", "a", "\x00", "b"]),
        (" \n", []),
    ],
)
def test_words_are_runs_of_letters_and_digits_and_every_other_character_alone(text: str, words: list[str]) -> None:
    assert split_words(text)[0] == words
    assert [text[start:end] for start, end in split_words(text)[1]] == words


def test_a_list_of_words_is_a_text_joined_by_spaces() -> None:
    text, offsets = join_words(["New York", "", "x"])
    assert (text, [text[start:end] for start, end in offsets]) == ("New York  x", ["New York", "", "x"])


@pytest.mark.skipif(not WNUT17.is_dir(), reason="needs wnut17 in ../shared/data")
def test_wnut17_is_read_whole() -> None:
    files = [read_conll(WNUT17 / name) for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")]
    assert [len(file.sentences) for file in files] == [3394, 1009, 1287]
    scheme = find_scheme([sentence.tags for sentence in files[0].sentences])
    assert (scheme.name, read_tags(files[0].sentences, scheme)[1]) == ("BIO", 0)
