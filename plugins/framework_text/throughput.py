"""Measures training speed in rows a second, for rows of different lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from framework import FitContext, batches_by_length, rows_per_second


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
    warming, groups = batches_by_length(rows.lengths, batch_size, timed)
    batches = [collate([rows[int(i)] for i in group]) for group in (warming, *groups)]
    measured = rows_per_second(module, batches, context)
    return measured * float(rows.lengths[np.concatenate(groups)].mean() / rows.lengths.mean())
