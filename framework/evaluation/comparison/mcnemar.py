"""McNemar's exact test of two models on the rows that only one of them answers right, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class McNemar:
    """The result of the test."""

    only_a: int
    """Rows that only A answers right."""
    only_b: int
    """Rows that only B answers right."""
    p: float
    """Two-sided p-value of the hypothesis that neither model is better."""


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> McNemar:
    """The exact binomial form of McNemar's test (McNemar 1947). right_a, right_b: (rows,) bool, whether the answer is right."""
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
    """The p-values adjusted for multiple tests (Holm 1979), in the same order."""
    order = np.argsort(p_values, kind="stable")
    count = len(p_values)
    adjusted = np.maximum.accumulate([min(1.0, (count - place) * p_values[i]) for place, i in enumerate(order)])
    result = np.empty(count)
    result[order] = adjusted
    return [float(value) for value in result]
