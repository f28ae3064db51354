"""How many rows a second are learned, of rows that are of different lengths."""

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
    """Rows of these lengths learned a second, as measured on at most `timed` batches.

    rows: a dataset with `lengths`, the tokens of each row. That the timed rows are longer or shorter than most is made good.
    """
    groups = _spread(rows.lengths, batch_size, timed)
    measured = rows_per_second(module, [collate([rows[int(i)] for i in group]) for group in groups], context)
    return measured * float(rows.lengths[np.concatenate(groups[1:])].mean() / rows.lengths.mean())


def _spread(lengths: np.ndarray, batch_size: int, count: int) -> list[np.ndarray]:
    """Row numbers of a batch of middling length to warm up with, and of at most `count` that stand for all lengths alike."""
    order = np.argsort(lengths, kind="stable")
    groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    count = min(count, len(groups))
    places = [len(groups) // 2, *((np.arange(count) + 0.5) * len(groups) / count).astype(int)]
    return [groups[place] for place in places]
