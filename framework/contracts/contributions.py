"""What each row adds to a metric, so that rows can be drawn again and again without being answered or judged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

Values = Mapping[str, np.ndarray]
OfSums = Callable[[np.ndarray], Values]


@dataclass(frozen=True)
class Contributions:
    """What rows add to sums from which metrics follow: errors to their sum, right answers to counts of classes.

    All arrays have a first axis of the rows that were judged, in their order.
    """

    cells: np.ndarray
    """(rows, m) integers: which of the sums a row adds to; -1: none."""
    width: int
    """How many sums there are."""
    metrics: OfSums
    """From sums (draws, width), float64, the metrics, (draws,) each. Of the sums over all rows they are those of `evaluate`."""
    amounts: np.ndarray | None = None
    """(rows, m): how much it adds to each; None: 1."""
    right: np.ndarray | None = None
    """(rows,) bool, where a row's answer is right or wrong."""
    classes: Values = field(default_factory=dict)
    """By class, (rows,) bool: whether the answer is right as far as this class is concerned, which it is too where the row has
    nothing to do with the class."""
    class_scores: OfSums | None = None
    """From sums (draws, width) a score of each class, such as its F1, (draws,) each."""

    def __len__(self) -> int:
        return len(self.cells)

    @classmethod
    def means(cls, values: Values, right: np.ndarray | None = None) -> Contributions:
        """Of metrics that are means over rows. values: (rows,) by metric."""
        names = list(values)
        amounts = np.column_stack([*(np.asarray(values[name], dtype=float) for name in names), np.ones(_rows(values))])
        cells = np.broadcast_to(np.arange(len(names) + 1), amounts.shape)

        def metrics(sums: np.ndarray) -> Values:
            return {name: sums[:, i] / sums[:, -1] for i, name in enumerate(names)}

        return cls(cells, len(names) + 1, metrics, amounts, right)


def _rows(values: Values) -> int:
    return len(next(iter(values.values())))
