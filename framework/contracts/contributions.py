"""What each row adds to the sums that metrics follow from, so that a bootstrap resamples rows without judging them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

Values = Mapping[str, np.ndarray]
FromSums = Callable[[np.ndarray], Values]


@dataclass(frozen=True)
class Contributions:
    """Sparse contributions of rows to sums, from which metrics follow: an error to the sum of errors, an answer to the count of
    its cell in a confusion matrix.

    The first axis of every array is that of the judged rows, in their order; m is the most sums that one row contributes to.
    """

    cells: np.ndarray
    """(rows, m) integers: the indices of the sums that a row contributes to, -1 for none."""
    width: int
    """The number of sums."""
    metrics: FromSums
    """Computes metrics, (draws,) each, from sums (draws, width), float64. Sums over all rows give the metrics of `evaluate`."""
    amounts: np.ndarray | None = None
    """(rows, m): the amount that a row adds to each of its sums; None: 1."""
    right: np.ndarray | None = None
    """(rows,) bool: whether the answer to a row is right; None where answers are not simply right or wrong."""
    classes: Values = field(default_factory=dict)
    """By class, (rows,) bool: False where the answer takes this class for another, or another for this one; True elsewhere."""
    class_scores: FromSums | None = None
    """Computes a score of each class, such as its F1, (draws,) each, from sums (draws, width)."""

    def __len__(self) -> int:
        return len(self.cells)

    @classmethod
    def means(cls, values: Values, right: np.ndarray | None = None) -> Contributions:
        """Contributions for metrics that are means over rows. values: by metric, (rows,)."""
        names = list(values)
        amounts = np.column_stack([*(np.asarray(values[name], dtype=float) for name in names), np.ones(_rows(values))])
        cells = np.broadcast_to(np.arange(len(names) + 1), amounts.shape)

        def metrics(sums: np.ndarray) -> Values:
            return {name: sums[:, i] / sums[:, -1] for i, name in enumerate(names)}

        return cls(cells, len(names) + 1, metrics, amounts, right)


def _rows(values: Values) -> int:
    return len(next(iter(values.values())))
