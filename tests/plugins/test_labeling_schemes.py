"""Tagging schemes: found from the tags, read as spans as conlleval does, and written back as BIO."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import InputError
from framework_labeling.detection import find_scheme
from framework_labeling.schemes import Scheme, Span, bio_tags, count_impossible, model_tags, spans_of, tag_names

ANNA = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 5, "LOC")]  # the two first touch
WRITTEN = {
    "BIO": "B-PER I-PER B-PER O B-LOC",
    "IOB1": "I-PER I-PER B-PER O I-LOC",
    "IOBES": "B-PER E-PER S-PER O S-LOC",
    "BILOU": "B-PER L-PER U-PER O U-LOC",
    "BMEWO": "B-PER E-PER W-PER O W-LOC",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_scheme_is_found_and_read_as_the_same_spans(name: str) -> None:
    tags = WRITTEN[name].split()
    scheme = find_scheme([tags])
    assert (scheme.name, count_impossible(tags, scheme)) == (name, 0)
    assert spans_of(tags, scheme) == ANNA
    assert bio_tags(ANNA, 5) == model_tags(tags, scheme) == WRITTEN["BIO"].split()


def test_a_long_span_in_bmes_and_a_scheme_in_which_bmes_fits_too() -> None:
    bmes = find_scheme([["B-PER", "M-PER", "E-PER", "S-LOC"]])
    assert (bmes.name, spans_of(["B-PER", "M-PER", "E-PER", "S-LOC"], bmes)) == ("BMES", [Span(0, 3, "PER"), Span(3, 4, "LOC")])
    either = find_scheme([["B-PER", "E-PER", "S-LOC"]])
    assert either.name == "IOBES"
    assert "fits BMES too" in either.reason


def test_between_bio_and_iob1_the_one_with_fewer_impossible_places_is_taken_and_the_reason_says_so() -> None:
    scheme = find_scheme([["B-A", "I-A", "O"]] * 9 + [["O", "I-A", "I-A"]])
    assert scheme.name == "BIO"
    assert "as BIO 1 places would be impossible, as IOB1 9" in scheme.reason
    assert count_impossible(["O", "I-A", "I-A"], scheme) == 1


@pytest.mark.parametrize(
    ("tags", "layout"),
    [
        ("PER-B PER-I O LOC-B", ("-", True)),
        ("B_PER I_PER O B_LOC", ("_", False)),
        ("B-a-b I-a-b O B-c_d", ("-", False)),
    ],
)
def test_the_letter_may_stand_last_and_the_separator_be_another(tags: str, layout: tuple[str, bool]) -> None:
    scheme = find_scheme([tags.split()])
    assert (scheme.name, (scheme.separator, scheme.suffix)) == ("BIO", layout)
    assert [(span.start, span.end) for span in spans_of(tags.split(), scheme)] == [(0, 2), (3, 4)]


def test_letters_without_labels_mark_spans_without_names() -> None:
    scheme = find_scheme([["B", "M", "E", "S"]])
    assert spans_of(["B", "M", "E", "S"], scheme) == [Span(0, 3, "_"), Span(3, 4, "_")]


def test_parts_of_speech_are_plain_tags_and_each_token_stands_alone() -> None:
    scheme = find_scheme([["DT", "NN", "NN", "VBD", "."], ["O", "S", "M", "U", "L"]])
    assert scheme.name == "plain"
    assert spans_of(["NN", "NN"], scheme) == [Span(0, 1, "NN"), Span(1, 2, "NN")]
    assert model_tags(["NN", "NN"], scheme) == ["NN", "NN"]


def test_numbers_without_names_are_plain_tags_and_the_reason_says_what_may_be_missing() -> None:
    scheme = find_scheme([["0", "0", "3"]])
    assert scheme.name == "plain"
    assert "write the names" in scheme.reason


def test_bare_labels_among_many_outside_are_spans_of_neighbours() -> None:
    scheme = find_scheme([["PER", "PER", "O", "O", "O", "O", "LOC"]])
    assert scheme.name == "IO"
    assert "scheme=plain" in scheme.reason
    assert spans_of(["PER", "PER", "LOC", "O"], scheme) == [Span(0, 2, "PER"), Span(2, 3, "LOC")]
    assert find_scheme([["PER", "O", "O"]], "plain").name == "plain"


@pytest.mark.parametrize(
    ("rows", "name", "message"),
    [
        ([["O", "O"]], "auto", "nothing to learn"),
        ([["B-PER"] * 20 + ["PERS"]], "auto", "'PERS' \\(1 tokens\\)"),
        ([["B-PER", "I-PER", "L-PER"]], "BIO", "the tags also have L"),
        ([["B-PER"]], "bioes", "scheme=bioes does not exist"),
        ([["B-PER", "NN"]], "BIO", "'NN'"),
    ],
)
def test_tags_that_fit_no_scheme_are_one_clear_error(rows: list[list[str]], name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_scheme(rows, name)


@pytest.mark.parametrize(
    ("tags", "repaired", "count"),
    [
        ("O I-A I-A", "O B-A I-A", 1),
        ("B-A I-B", "B-A B-B", 1),
        ("I-A O I-A", "B-A O B-A", 2),
    ],
)
def test_what_bio_does_not_allow_is_counted_and_begins_a_span(tags: str, repaired: str, count: int) -> None:
    assert model_tags(tags.split()) == repaired.split()
    assert count_impossible(tags.split(), Scheme("BIO")) == count


def test_an_end_that_is_missing_is_impossible_in_schemes_with_ends() -> None:
    assert count_impossible(["B-A", "O"], Scheme("IOBES")) == 1
    assert count_impossible(["B-A", "I-A"], Scheme("IOBES")) == 1
    assert count_impossible(["S-A", "E-A"], Scheme("IOBES")) == 1


@given(st.lists(st.sampled_from(tag_names(["A", "B-C"])), max_size=12))
def test_bio_written_from_spans_is_possible_and_stands_for_the_same_spans(tags: list[str]) -> None:
    written = bio_tags(spans_of(tags), len(tags))
    assert spans_of(written) == spans_of(tags)
    assert count_impossible(written, Scheme("BIO")) == 0
