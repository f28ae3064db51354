"""Precision, recall and F1 of spans as conlleval and seqeval compute them.

A predicted span is right where a true span has the same tokens and the same label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from framework_labeling.schemes import Span


@dataclass(frozen=True)
class Score:
    """The scores of one label, or an average over labels; 0 where a ratio is undefined."""

    precision: float
    recall: float
    f1: float
    support: int
    """Number of true spans."""
    predicted: int
    """Number of predicted spans."""


@dataclass(frozen=True)
class EntityScores:
    """The scores of spans, by label and overall."""

    labels: dict[str, Score]
    """The scores of every label with a true or predicted span, sorted by label."""
    micro: Score
    """Over all spans."""
    macro: Score
    """The mean of the labels' scores."""


def score_spans(predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]]) -> EntityScores:
    """Scores predicted spans. predicted, true: the spans of each row, in the same order of rows.

    Sources: Tjong Kim Sang and Buchholz (2000), "Introduction to the CoNLL-2000 shared task"; seqeval's default mode.
    """
    right, predictions, support = Counter[str](), Counter[str](), Counter[str]()
    for row, targets in zip(predicted, true, strict=True):
        predictions.update(span.label for span in row)
        support.update(span.label for span in targets)
        right.update(span.label for span in set(row) & set(targets))
    names = sorted(predictions.keys() | support.keys())
    labels = {label: _score(right[label], predictions[label], support[label]) for label in names}
    micro = _score(right.total(), predictions.total(), support.total())
    parts = [[score.precision, score.recall, score.f1] for score in labels.values()] or [[0.0] * 3]
    precision, recall, f1 = (sum(part) / len(parts) for part in zip(*parts, strict=True))
    return EntityScores(labels, micro, Score(precision, recall, f1, support.total(), predictions.total()))


def _score(right: int, predicted: int, support: int) -> Score:
    precision = right / predicted if predicted else 0.0
    recall = right / support if support else 0.0
    f1 = 2 * right / (predicted + support) if right else 0.0
    return Score(precision, recall, f1, support, predicted)


def token_accuracy(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> float:
    """The share of tokens with the right tag; 0 where there are none. Raises ValueError for rows of unequal length."""
    same = [
        tag == target for row, targets in zip(predicted, true, strict=True) for tag, target in zip(row, targets, strict=True)
    ]
    return sum(same) / len(same) if same else 0.0
