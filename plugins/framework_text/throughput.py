"""Measures training speed in rows a second, for rows of different lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from framework import FitContext, rows_per_second


def learning_pace(
    module: Any,
    rows: Any,
    batch_size: int,
    collate: Callable[[Sequence[Any]], Mapping[str, Any]],
    context: FitContext[Any, Any],
    timed: int = 8,
) -> float:
    """Training rows a second, measured on at most `timed` batches and corrected for the lengths of all rows.

    rows: a dataset with `lengths`, the tokens of each row.
    """
    groups = _spread(rows.lengths, batch_size, timed)
    measured = rows_per_second(module, [collate([rows[int(i)] for i in group]) for group in groups], context)
    return measured * float(rows.lengths[np.concatenate(groups[1:])].mean() / rows.lengths.mean())


def _spread(lengths: np.ndarray, batch_size: int, count: int) -> list[np.ndarray]:
    """Row numbers of a batch of median length, for warm-up, and of at most `count` batches spread evenly over all lengths."""
    order = np.argsort(lengths, kind="stable")
    groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    count = min(count, len(groups))
    places = [len(groups) // 2, *((np.arange(count) + 0.5) * len(groups) / count).astype(int)]
    return [groups[place] for place in places]
