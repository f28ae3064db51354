"""Batches that stand for rows of every length: a speed that is measured on them is that of all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def batches_by_length(lengths: Sequence[int] | np.ndarray, size: int, count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Row numbers of a batch of median length, for warm-up, and of at most `count` batches that are spread evenly over all
    lengths. Each is of rows of about the same length, as where all rows are answered, and stands for as many rows as any other.

    lengths: of each row, of which there is one at least. size: rows of a batch, at most.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    count = min(count, len(batches))
    return batches[len(batches) // 2], [batches[int((place + 0.5) * len(batches) / count)] for place in range(count)]
