"""McNemar's test: of the rows that only one of two models answers right, are there more of one kind than chance makes?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class McNemar:
    """Two answers to each row, right or wrong. McNemar 1947; exact, by the binomial distribution."""

    only_a: int
    """Rows that A alone has right."""
    only_b: int
    p: float
    """Of a split at least as uneven, if neither were better; two-sided."""


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> McNemar:
    """right_a, right_b: (rows,) bool."""
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return McNemar(only_a, only_b, _two_sided(min(only_a, only_b), only_a + only_b))


def _two_sided(fewer: int, of: int) -> float:
    """2 P(X <= fewer), at most 1, for X of Binomial(of, 1/2)."""
    if not of:
        return 1.0
    k = np.arange(1, fewer + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(of - k + 1) - np.log(k))]) - of * np.log(2)
    return float(min(1.0, 2 * np.exp(logs).sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values as they count where all of these tests are made together (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    adjusted = np.maximum.accumulate([min(1.0, (count - place) * p_values[i]) for place, i in enumerate(order)])
    result = np.empty(count)
    result[order] = adjusted
    return [float(value) for value in result]
