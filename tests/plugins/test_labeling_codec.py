"""From a request to spans: windows over words, decoding without impossible tags, the codecs and the baseline."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from framework import Call, Codec, InputError
from framework_labeling.alignment import IGNORED, NO_PIECE, Aligner, answering, targets, window_bounds, word_probabilities
from framework_labeling.baseline import look_up, most_frequent_tags, overall_tag
from framework_labeling.codec import LabelingCodec, MostFrequentCodec, write_table
from framework_labeling.decoding import allowed_transitions, decode, scored_spans
from framework_labeling.evaluation import evaluate
from framework_labeling.formats import read_conll
from framework_labeling.responses import spans_over_tokens
from framework_labeling.rows import Sentence, read_tags
from framework_labeling.schemes import Scheme as SchemeOf
from framework_labeling.schemes import Span, count_impossible, spans_of, tag_names

WNUT17 = Path(__file__).parents[2] / "../shared/data/wnut17"
VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "an", "##na", "ran", "to", "par", "##is", ".", "a"]
CLS, SEP, AN, NA, RAN = 1, 2, 4, 5, 6
TAGS = tag_names(["LOC", "PER"])  # O, B-LOC, I-LOC, B-PER, I-PER
ROWS = [Sentence(["Anna", "ran", "ran"], ["B-PER", "O", "O"]), Sentence(["anna", "Paris"], ["O", "B-LOC"])]


@pytest.fixture
def tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", CLS), ("[SEP]", SEP)])
    tokenizer.enable_truncation(5)
    return tokenizer


def codec_of(tokenizer: Tokenizer, folder: Path, tags: list[str] = TAGS, plain: bool = False, max_length: int = 16) -> Any:
    tokenizer.save(str(folder / "tokenizer.json"))
    return LabelingCodec({"tags": tags, "plain": plain, "max_length": max_length, "overlap": 2}, folder)


def respond(codec: Codec, request: Any, by_piece: Mapping[int, list[float]] | None = None) -> tuple[dict[str, Any], list[Call]]:
    """The response, and the calls; each token id gets its probabilities from `by_piece`, others are outside."""
    steps, outputs = codec.start(codec.parse(request)), None
    calls: list[Call] = []
    outside = [0.96, 0.01, 0.01, 0.01, 0.01]
    while True:
        try:
            call = steps.send(outputs)  # type: ignore[arg-type]
        except StopIteration as end:
            return end.value, calls
        assert isinstance(call, Call)
        calls.append(call)
        ids = call.feeds["input_ids"]
        outputs = {"probabilities": np.asarray([[(by_piece or {}).get(i, outside) for i in row] for row in ids.tolist()])}


def test_the_first_piece_of_a_word_carries_its_tag(tokenizer: Tokenizer) -> None:
    (window,) = Aligner.of(tokenizer, 16).windows(["Anna", "ran", "\x00", "to", "Paris"])
    assert window.ids == [CLS, AN, NA, RAN, 7, 8, 9, SEP]
    assert window.heads == [1, 3, NO_PIECE, 4, 5]
    assert targets(window, [3, 0, 4, 0, 1]) == [IGNORED, 3, IGNORED, 0, 0, 1, IGNORED, IGNORED]


def test_a_word_without_a_piece_is_certain_to_have_the_padding_tag(tokenizer: Tokenizer) -> None:
    (window,) = Aligner.of(tokenizer, 16).windows(["a", "\x00"])
    rows = word_probabilities(window, np.full((3, 2), 0.5), padding=1)
    assert rows.tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_a_long_text_is_read_in_windows_whose_words_are_each_answered_once(tokenizer: Tokenizer) -> None:
    words = ["anna", "ran"] * 10
    windows = Aligner.of(tokenizer, 8, overlap=2).windows(words)
    assert max(len(window.ids) for window in windows) <= 8
    assert [word for window in windows for word in window.answers] == list(range(20))
    assert all(window.ids[0] == CLS and window.ids[-1] == SEP for window in windows)


def test_a_word_of_very_many_pieces_leaves_room_for_others(tokenizer: Tokenizer) -> None:
    windows = Aligner.of(tokenizer, 8, overlap=1).windows(["an" + "na" * 20, "ran"])
    assert [list(window.ids) for window in windows] == [[CLS, AN, NA, NA, RAN, SEP]]


@pytest.mark.parametrize("known", ["a", "b"])
def test_a_short_text_has_the_ids_that_the_tokenizer_gives_it(tokenizer: Tokenizer, known: str) -> None:
    tokenizer.model = models.WordPiece({known if piece == "a" else piece: i for i, piece in enumerate(VOCABULARY)})
    words = ["Anna", "a-b", "", "paris.", "[SEP]"]
    (window,) = Aligner.of(tokenizer, 30).windows(words)
    assert window.ids == tokenizer.encode(words, is_pretokenized=True).ids


def test_a_limit_without_room_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="leaves no room beside 2 special tokens"):
        Aligner.of(tokenizer, 2)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(4, 9), st.integers(0, 12))
def test_each_word_is_answered_where_it_is_farthest_from_an_edge(lengths: list[int], room: int, overlap: int) -> None:
    bounds = window_bounds(lengths, room, overlap)
    assert all(sum(lengths[first:last]) <= room for first, last in bounds)
    owner = [window for window, words in enumerate(answering(bounds)) for _ in words]
    assert len(owner) == len(lengths)

    def distance(word: int, first: int, last: int) -> int:
        edges = [word - first] * (first > 0) + [last - 1 - word] * (last < len(lengths))
        return min(edges, default=len(lengths)) if first <= word < last else -1

    for word, window in enumerate(owner):
        assert distance(word, *bounds[window]) == max(distance(word, *bound) for bound in bounds)


@given(st.integers(0, 4), st.integers(0, 10_000))
def test_decoding_finds_the_most_probable_possible_tags(words: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet([0.3] * len(TAGS), size=words)
    path = decode(probabilities, *allowed_transitions(TAGS))

    def product(numbers: Any) -> float:
        return float(np.prod([probabilities[word, number] for word, number in enumerate(numbers)]))

    possible = [
        numbers
        for numbers in itertools.product(range(len(TAGS)), repeat=words)
        if not count_impossible([TAGS[number] for number in numbers], SchemeOf("BIO"))
    ]
    assert tuple(path) in possible
    assert product(path) == pytest.approx(max(map(product, possible)))


def test_the_score_of_a_span_is_the_geometric_mean_of_its_tags() -> None:
    (span,) = scored_spans(["B-PER", "I-PER", "O"], [0.9, 0.4, 0.1])
    assert span.score == pytest.approx(0.6)


def test_a_text_is_answered_with_spans_over_its_characters(tokenizer: Tokenizer, tmp_path: Path) -> None:
    inside = [0.1, 0.1, 0.1, 0.2, 0.5]  # I-PER, which cannot begin a text
    response, calls = respond(codec_of(tokenizer, tmp_path), "  Anna ran.", {AN: inside})
    assert response["tags"] == ["B-PER", "O", "O"]
    assert response["entities"] == [{"start": 2, "end": 6, "label": "PER", "text": "Anna", "score": pytest.approx(0.2)}]
    assert [call.feeds["input_ids"].tolist() for call in calls] == [[[CLS, AN, NA, RAN, 10, SEP]]]
    assert spans_over_tokens(response, plain=False) == [Span(0, 1, "PER")]


def test_tokens_are_answered_as_they_are_with_places_in_their_joined_text(tokenizer: Tokenizer, tmp_path: Path) -> None:
    sure = [0.0, 0.0, 0.0, 1.0, 0.0]
    response, _ = respond(codec_of(tokenizer, tmp_path), {"tokens": ["ran", "Anna to"]}, {AN: sure})
    assert response["tokens"] == ["ran", "Anna to"]
    assert [(entity["start"], entity["end"], entity["text"]) for entity in response["entities"]] == [(4, 11, "Anna to")]


def test_plain_tags_are_not_constrained_and_each_token_is_answered(tokenizer: Tokenizer, tmp_path: Path) -> None:
    codec = codec_of(tokenizer, tmp_path, ["I-x", "VB"], plain=True)
    response, _ = respond(codec, "anna ran", {AN: [0.9, 0.1], RAN: [0.2, 0.8], CLS: [0.5, 0.5], SEP: [0.5, 0.5], NA: [0, 1]})
    assert response["tags"] == ["I-x", "VB"]
    assert [(entity["label"], entity["score"]) for entity in response["entities"]] == [("I-x", 0.9), ("VB", 0.8)]
    assert spans_over_tokens(response, plain=True) == [Span(0, 1, "I-x"), Span(1, 2, "VB")]


def test_a_long_text_takes_several_calls_and_is_answered_whole(tokenizer: Tokenizer, tmp_path: Path) -> None:
    response, calls = respond(codec_of(tokenizer, tmp_path, max_length=8), "anna ran " * 10, {AN: [0, 0, 0, 1.0, 0]})
    assert len(calls) > 3
    assert response["tags"] == ["B-PER", "O"] * 10


def test_every_odd_request_is_answered_as_the_interface_says(tokenizer: Tokenizer, tmp_path: Path) -> None:
    codec = codec_of(tokenizer, tmp_path)
    write_table(most_frequent_tags(ROWS), tmp_path)
    frequent = MostFrequentCodec({"tags": TAGS, "plain": False, "unseen": ["O", 0.6]}, tmp_path)
    for each in (codec, frequent):
        for request in (*each.odd_requests(), each.interface().example):
            jsonschema.validate(request, each.interface().request)
            response, _ = respond(each, request)
            jsonschema.validate(response, each.interface().response)
            assert len(response["tokens"]) == len(response["tags"])
            json.loads(each.flatten(response)["entities"])


@pytest.mark.parametrize("request_", [{"text": "a", "tokens": 5}, {"tokens": ["a"], "text": 5}, "a", {"tokens": []}])
def test_what_the_interface_allows_is_parsed(request_: Any, tokenizer: Tokenizer, tmp_path: Path) -> None:
    codec = codec_of(tokenizer, tmp_path)
    jsonschema.validate(request_, codec.interface().request)
    assert codec.parse(codec.parse(request_)) == codec.parse(request_)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"tokens": "Anna"}, "a list of texts"),
        ({"tokens": ["\ud800"]}, "surrogate"),
        ({"txt": "a"}, "it has: txt"),
        (5, "not int"),
    ],
)
def test_what_is_no_request_is_refused(request_: Any, message: str, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        codec_of(tokenizer, tmp_path).parse(request_)


def test_the_most_frequent_tag_is_that_of_the_token_as_written_then_in_small_letters() -> None:
    rows = [*ROWS, Sentence(["Anna", "RAN"], ["B-PER", "O"])]
    table = most_frequent_tags(rows)
    assert overall_tag(rows) == ("O", 4 / 7)
    found = [look_up(table, token, ("O", 0.5)) for token in ("Anna", "anna", "ANNA", "paris", "tokyo")]
    assert found == [("B-PER", 1.0), ("O", 1.0), ("O", 1.0), ("B-LOC", 1.0), ("O", 0.5)]


def test_the_baseline_asks_no_graph_and_repairs_what_bio_does_not_allow(tmp_path: Path) -> None:
    write_table(most_frequent_tags([Sentence(["New", "York"], ["B-LOC", "I-LOC"])]), tmp_path)
    codec = MostFrequentCodec({"tags": TAGS, "plain": False, "unseen": ["O", 1.0]}, tmp_path)
    response, calls = respond(codec, "in York and New York")
    assert calls == []
    assert response["tags"] == ["O", "B-LOC", "O", "B-LOC", "I-LOC"]
    assert [entity["text"] for entity in response["entities"]] == ["York", "New York"]


@pytest.mark.skipif(not WNUT17.is_dir(), reason="needs wnut17 in ../shared/data")
def test_the_baseline_finds_few_of_the_entities_of_wnut17_which_are_chosen_to_be_new(tmp_path: Path) -> None:
    train, test = (
        read_tags(read_conll(WNUT17 / name).sentences)[0] for name in ("wnut17train.conll", "emerging.test.annotated")
    )
    write_table(most_frequent_tags(train), tmp_path)
    tags = tag_names({span.label for sentence in train for span in spans_of(sentence.tags)})
    codec = MostFrequentCodec({"tags": tags, "plain": False, "unseen": list(overall_tag(train))}, tmp_path)
    answers = [spans_over_tokens(respond(codec, {"tokens": sentence.tokens})[0], plain=False) for sentence in test]
    metrics = evaluate(answers, [spans_of(sentence.tags) for sentence in test], test).metrics
    assert metrics["entity_f1"] == pytest.approx(0.0913, abs=1e-4)
    assert metrics["token_accuracy"] == pytest.approx(0.9237, abs=1e-4)


def test_the_package_imports_neither_torch_nor_transformers() -> None:
    modules = "alignment baseline codec decoding detection evaluation formats metric records responses rows schemes words"
    imports = "; ".join(f"import framework_labeling.{module}" for module in modules.split())
    code = f"import sys; {imports}; print(sorted({{'torch', 'transformers', 'pytorch_lightning'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
