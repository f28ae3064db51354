"""What each row contributes to entity F1 and to the F1 of each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from framework import Contributions
from framework_labeling.schemes import Span

Spans = Sequence[Sequence[Span]]


def contributions(predicted: Spans, true: Spans) -> Contributions:
    """The amounts that rows add to the sums of each label: the numbers of true, of predicted and of right spans.

    A row is right where its predicted spans equal its true ones.
    """
    labels = sorted({span.label for spans in (*predicted, *true) for span in spans})
    adds = [_adds(*spans, labels) for spans in zip(predicted, true, strict=True)]
    longest = max((len(row) for row in adds), default=0) or 1
    cells, amounts = np.full((len(adds), longest), -1), np.zeros((len(adds), longest))
    for number, row in enumerate(adds):
        cells[number, : len(row)] = list(row)
        amounts[number, : len(row)] = list(row.values())
    right = np.array([set(spans) == set(targets) for spans, targets in zip(predicted, true, strict=True)])
    by_label = {
        label: np.array([_of(label, a) == _of(label, b) for a, b in zip(predicted, true, strict=True)]) for label in labels
    }
    count = len(labels)
    return Contributions(
        cells, 3 * count, partial(_metrics, count), amounts, right, by_label, partial(_label_scores, labels)
    )  # fmt: skip


def _adds(predicted: Sequence[Span], true: Sequence[Span], labels: Sequence[str]) -> Counter[int]:
    """Position of a sum -> how much a row adds to it."""
    index, count = {label: i for i, label in enumerate(labels)}, len(labels)
    adds = Counter(index[span.label] for span in true)
    adds.update(count + index[span.label] for span in predicted)
    adds.update(2 * count + index[span.label] for span in set(predicted) & set(true))
    return adds


def _of(label: str, spans: Sequence[Span]) -> set[Span]:
    return {span for span in spans if span.label == label}


def _metrics(count: int, sums: np.ndarray) -> Mapping[str, np.ndarray]:
    """Metrics, (draws,) each, of sums (draws, 3 * count). count: number of labels."""
    true, predicted, right = (sums[:, part * count : (part + 1) * count] for part in range(3))
    occurring = true + predicted > 0
    return {
        "entity_f1": 2 * right.sum(1) / np.maximum(true.sum(1) + predicted.sum(1), 1),
        "entity_precision": right.sum(1) / np.maximum(predicted.sum(1), 1),
        "entity_recall": right.sum(1) / np.maximum(true.sum(1), 1),
        "macro_f1": _f1(sums, count).sum(1) / np.maximum(occurring.sum(1), 1),
    }


def _label_scores(labels: Sequence[str], sums: np.ndarray) -> Mapping[str, np.ndarray]:
    return dict(zip(labels, _f1(sums, len(labels)).T, strict=True))


def _f1(sums: np.ndarray, count: int) -> np.ndarray:
    """F1 of each label, (draws, labels); 0 for a label that is neither true nor predicted anywhere.

    sums, count: see `_metrics`.
    """
    true, predicted, right = (sums[:, part * count : (part + 1) * count] for part in range(3))
    f1: np.ndarray = 2 * right / np.maximum(true + predicted, 1)
    return f1
