"""What each row adds to accuracy, macro-F1 and the loss of a classifier. No torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from framework import Answers, Contributions, Table
from framework_classification.familiarity.metrics import rows_of_classes
from framework_classification.metrics import SMALLEST


def contributions(answers: Answers, table: Table) -> Contributions:
    """What rows add to these sums: for each class the true, the predicted and the right rows; and the loss of all rows.

    Rows that belong to no class add nothing, and count as right, because no answer to them is wrong.
    """
    labels = list(answers.responses[0]["probabilities"])
    index, count = {label: i for i, label in enumerate(labels)}, len(labels)
    probabilities = np.array([[response["probabilities"][label] for label in labels] for response in answers.responses])
    belongs = rows_of_classes(answers, table)
    targets = np.array([index[label] if known else 0 for label, known in zip(table.texts("label"), belongs, strict=True)])
    predicted = np.where(belongs, probabilities.argmax(-1), targets)
    right = predicted == targets
    loss = np.where(belongs, -np.log(np.maximum(probabilities[np.arange(len(targets)), targets], SMALLEST)), 0.0)
    last = np.full(len(targets), 3 * count)
    cells = np.column_stack([targets, count + predicted, np.where(right, 2 * count + targets, -1), last])
    cells[~belongs, :3] = -1
    amounts = np.ones(cells.shape)
    amounts[:, 3] = loss
    return Contributions(
        cells,
        3 * count + 1,
        lambda sums: _metrics(sums, count),
        amounts,
        right,
        {label: (targets == i) == (predicted == i) for i, label in enumerate(labels)},
        lambda sums: dict(zip(labels, _f1(sums, count).T, strict=True)),
    )


def _metrics(sums: np.ndarray, count: int) -> Mapping[str, np.ndarray]:
    """Metrics, (draws,) each, of sums (draws, 3 * count + 1)."""
    rows = sums[:, :count].sum(1)
    occurring = sums[:, :count] + sums[:, count : 2 * count] > 0
    return {
        "accuracy": sums[:, 2 * count : 3 * count].sum(1) / rows,
        "macro_f1": _f1(sums, count).sum(1) / occurring.sum(1),
        "nll": sums[:, 3 * count] / rows,
    }


def _f1(sums: np.ndarray, count: int) -> np.ndarray:
    """F1 of each class, (draws, classes); 0 for a class that neither occurs nor is predicted."""
    support = sums[:, :count] + sums[:, count : 2 * count]
    f1: np.ndarray = 2 * sums[:, 2 * count : 3 * count] / np.maximum(support, 1)
    return f1
