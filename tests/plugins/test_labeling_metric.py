"""Strict span F1 equals seqeval's, and its chunks those of conlleval's two rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from framework import Text
from framework_labeling.evaluation import evaluate, mistakes_of
from framework_labeling.metric import Score, score_spans, token_accuracy
from framework_labeling.rows import Sentence
from framework_labeling.schemes import Scheme, Span, spans_of

TAGS = ["O", *(f"{letter}-{label}" for letter in "BIES" for label in ("A", "A-B"))]


def rows_of(*rows: str) -> list[list[Span]]:
    return [spans_of(row.split()) for row in rows]


def conlleval_chunks(tags: list[str]) -> set[tuple[str, int, int]]:
    """(label, first, last) by startOfChunk and endOfChunk of the script conlleval (Sang and Buchholz 2000)."""
    chunks: set[tuple[str, int, int]] = set()
    before, kind, begin = "O", "", 0
    for place, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        if ends_chunk(before, letter, kind, label):
            chunks.add((kind, begin, place - 1))
        if starts_chunk(before, letter, kind, label):
            begin = place
        before, kind = letter, label
    return chunks


def ends_chunk(before: str, letter: str, kind: str, label: str) -> bool:
    pairs = {("B", "B"), ("B", "S"), ("B", "O"), ("I", "B"), ("I", "S"), ("I", "O")}
    return before in "ES" or (before, letter) in pairs or (before != "O" and kind != label)


def starts_chunk(before: str, letter: str, kind: str, label: str) -> bool:
    pairs = {(first, second) for first in "ESO" for second in "EI"}
    return letter in "BS" or (before, letter) in pairs or (letter != "O" and kind != label)


@given(st.lists(st.sampled_from(TAGS), max_size=15))
def test_spans_are_the_chunks_of_conlleval(tags: list[str]) -> None:
    spans = spans_of(tags, Scheme("IOBES"))
    assert {(span.label, span.start, span.end - 1) for span in spans} == conlleval_chunks(tags)
    assert len(spans) == len(conlleval_chunks(tags))


@given(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=30))
def test_scores_equal_seqeval(pairs: list[tuple[str, str]]) -> None:
    seqeval: Any = pytest.importorskip("seqeval.metrics")
    true, predicted = ([[pair[side] for pair in pairs]] for side in (0, 1))
    chunks = [[spans_of(row, Scheme("IOBES")) for row in rows] for rows in (predicted, true)]
    assume(any(chunks[0] + chunks[1]))  # it divides by zero where there is no span at all
    report = seqeval.classification_report(true, predicted, output_dict=True, zero_division=0)
    scores = score_spans(*chunks)
    for name, score in {**scores.labels, "micro avg": scores.micro, "macro avg": scores.macro}.items():
        expected = [report[name][key] for key in ("precision", "recall", "f1-score", "support")]
        assert [score.precision, score.recall, score.f1, score.support] == pytest.approx(expected)
    assert token_accuracy(predicted, true) == pytest.approx(seqeval.accuracy_score(true, predicted))


@pytest.mark.parametrize(
    ("true", "predicted", "micro", "macro"),
    [
        # The example of seqeval's own page: f1_score 0.50; MISC 0.00, PER 1.00, both with a support of 1.
        (
            ["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"],
            ["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"],
            (0.5, 0.5, 0.5),
            0.5,
        ),
        # A beginning is not needed: B-A I-A and I-A I-A are the same span, unless strict mode is asked for.
        (["B-A I-A O"], ["I-A I-A O"], (1.0, 1.0, 1.0), 1.0),
        # One span cut in two is two wrong and one missed.
        (["B-A I-A"], ["B-A B-A"], (0.0, 0.0, 0.0), 0.0),
        # A label that is only predicted takes part in the macro average, with 0.
        (["B-A O"], ["B-A B-B"], (0.5, 1.0, 2 / 3), 0.5),
        # A change of label ends a span.
        (["B-A I-A B-B"], ["B-A I-A I-B"], (1.0, 1.0, 1.0), 1.0),
        (["O O"], ["O O"], (0.0, 0.0, 0.0), 0.0),
    ],
)
def test_scores_of_cases_counted_by_hand(
    true: list[str], predicted: list[str], micro: tuple[float, float, float], macro: float
) -> None:
    scores = score_spans(rows_of(*predicted), rows_of(*true))
    assert (scores.micro.precision, scores.micro.recall, scores.micro.f1) == pytest.approx(micro)
    assert scores.macro.f1 == pytest.approx(macro)


def test_each_label_has_its_own_scores_and_support() -> None:
    scores = score_spans(rows_of("B-A B-A O B-B"), rows_of("B-A O B-A B-B"))
    assert scores.labels == {"A": Score(0.5, 0.5, 0.5, 2, 2), "B": Score(1.0, 1.0, 1.0, 1, 1)}


def test_token_accuracy_counts_tokens_of_all_rows() -> None:
    assert token_accuracy([["O", "B-A"], ["O"]], [["O", "O"], ["O"]]) == pytest.approx(2 / 3)


def test_a_wrong_span_stands_beside_the_true_one_it_overlaps_most() -> None:
    true = [Span(0, 3, "A"), Span(4, 5, "B"), Span(6, 7, "C"), Span(9, 10, "A")]
    predicted = [Span(0, 2, "A"), Span(4, 5, "C"), Span(6, 7, "C"), Span(7, 8, "B")]
    kinds = [mistake.kind for mistake in mistakes_of(0, predicted, true)]
    assert kinds == ["right label, other ends", "right ends, other label", "nothing is there", "missed"]


def test_an_evaluation_shows_labels_confusions_and_the_most_confident_mistakes_as_text_of_the_user() -> None:
    sentences = [Sentence(["Anna", "saw", "Paris"], [], 7), Sentence(["Bob"], [], 9)]
    true = [[Span(0, 1, "PER"), Span(2, 3, "LOC")], [Span(0, 1, "PER")]]
    predicted = [[Span(0, 1, "PER", 0.9), Span(2, 3, "PER", 0.7)], [Span(0, 1, "ORG", 0.95)]]
    evaluation = evaluate(predicted, true, sentences)
    assert evaluation.metrics["entity_f1"] == pytest.approx(1 / 3)
    assert evaluation.metrics["token_accuracy"] == pytest.approx(0.5)
    assert evaluation.untested == ["ORG"]
    sections = {section.title: section for section in evaluation.sections}
    assert ("LOC", "PER", 1) in sections["Most frequent confusions"].rows
    worst = sections["Most confident mistakes"]
    assert [row[2] for row in worst.rows] == ["ORG: Bob", "PER: Paris"]
    assert worst.about == [1, 0]
    assert [type(cell) for cell in worst.rows[0][:3]] == [Text, Text, Text]
    assert [row[0] for row in sections["Per label, the weakest first"].rows][:1] == ["LOC"]
