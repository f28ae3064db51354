"""Precision, recall and F1 of whole spans, as conlleval and seqeval count them: right means the same tokens and label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from framework_labeling.schemes import Span


@dataclass(frozen=True)
class Score:
    """Of one label, or an average over several. support: true spans; predicted: predicted ones; F1 of nothing is 0."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True)
class Scores:
    """labels: by label, of all that are true or predicted anywhere. micro: every span counts the same; macro: every label."""

    labels: dict[str, Score]
    micro: Score
    macro: Score


def score_spans(predicted: Sequence[Sequence[Span]], true: Sequence[Sequence[Span]]) -> Scores:
    """predicted, true: the spans of each row, in the same order of rows.

    Sources: Tjong Kim Sang and Buchholz (2000), "Introduction to the CoNLL-2000 shared task"; seqeval's default mode.
    """
    right, called, support = Counter[str](), Counter[str](), Counter[str]()
    for row, targets in zip(predicted, true, strict=True):
        called.update(span.label for span in row)
        support.update(span.label for span in targets)
        right.update(span.label for span in set(row) & set(targets))
    labels = {label: _score(right[label], called[label], support[label]) for label in sorted(called.keys() | support.keys())}
    micro = _score(right.total(), called.total(), support.total())
    parts = [[score.precision, score.recall, score.f1] for score in labels.values()] or [[0.0] * 3]
    precision, recall, f1 = (sum(part) / len(parts) for part in zip(*parts, strict=True))
    return Scores(labels, micro, Score(precision, recall, f1, support.total(), called.total()))


def _score(right: int, called: int, support: int) -> Score:
    f1 = 2 * right / (called + support) if right else 0.0
    return Score(right / called if called else 0.0, right / support if support else 0.0, f1, support, called)


def token_accuracy(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> float:
    """The share of tokens with the right tag; 0 where there are none. Raises ValueError for rows of unequal length."""
    same = [
        tag == target for row, targets in zip(predicted, true, strict=True) for tag, target in zip(row, targets, strict=True)
    ]
    return sum(same) / len(same) if same else 0.0
