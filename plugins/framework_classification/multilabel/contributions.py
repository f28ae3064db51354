"""What each row adds to micro-F1, macro-F1, subset accuracy and the loss. No torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework import Answers, Contributions, Table
from framework_classification.multilabel.data import answered, indicator
from framework_classification.multilabel.metrics import cross_entropy

MOST = 30_000_000  # rows x labels, above which the contributions would take gigabytes


def contributions(answers: Answers, table: Table) -> Contributions | None:
    """What rows add to sums: for each label the true, the predicted and the right rows; then the exact rows, rows, and loss."""
    labels, probabilities, predicted = answered(answers)
    targets = indicator(table, labels)
    if targets.size > MOST:
        return None
    count, rows = len(labels), len(targets)
    columns = np.arange(count)
    right = (predicted == targets).all(1)
    cells = [
        np.where(where, columns + place * count, -1) for place, where in enumerate((targets, predicted, targets & predicted))
    ]
    totals = np.broadcast_to(3 * count + np.arange(3), (rows, 3))
    amounts = np.ones((rows, 3 * count + 3))
    amounts[:, 3 * count] = right
    amounts[:, 3 * count + 2] = cross_entropy(probabilities, targets)
    return Contributions(
        np.hstack([*cells, totals]),
        3 * count + 3,
        lambda sums: _metrics(sums, count),
        amounts,
        right,
        {label: targets[:, i] == predicted[:, i] for i, label in enumerate(labels)},
        lambda sums: dict(zip(labels, _f1(sums, count).T, strict=True)),
    )


def _metrics(sums: np.ndarray, count: int) -> Mapping[str, np.ndarray]:
    """Metrics, (draws,) each, of sums (draws, 3 * count + 3)."""
    support = sums[:, :count] + sums[:, count : 2 * count]
    occurring, total = (support > 0).sum(1), support.sum(1)
    hits, rows = sums[:, 2 * count : 3 * count].sum(1), sums[:, 3 * count + 1]
    return {
        "micro_f1": np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0),
        "macro_f1": np.where(occurring > 0, _f1(sums, count).sum(1) / np.maximum(occurring, 1), 1.0),
        "subset_accuracy": sums[:, 3 * count] / rows,
        "nll": sums[:, 3 * count + 2] / rows,
    }


def _f1(sums: np.ndarray, count: int) -> np.ndarray:
    """F1 of each label, (draws, labels); 0 for a label that neither occurs nor is predicted."""
    support = sums[:, :count] + sums[:, count : 2 * count]
    f1: np.ndarray = 2 * sums[:, 2 * count : 3 * count] / np.maximum(support, 1)
    return f1
