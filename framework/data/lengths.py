"""Batches that stand for rows of every length: a speed that is measured on them is that of all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def of_every_length(lengths: Sequence[int] | np.ndarray, size: int, count: int) -> tuple[np.ndarray, list[np.ndarray], float]:
    """Row numbers of a batch of median length, for warm-up; those of at most `count` batches, spread evenly over all lengths,
    each of rows of about the same length; and the mean length of the rows in the latter, as a share of the mean of all: rows a
    second on these batches, times this share, are rows a second on all.

    lengths: of each row, of which there is one at least. size: rows of a batch, at most.
    """
    lengths = np.asarray(lengths)
    order = np.argsort(lengths, kind="stable")
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    count = min(count, len(batches))
    chosen = [batches[int((place + 0.5) * len(batches) / count)] for place in range(count)]
    share = lengths[np.concatenate(chosen)].mean() / max(lengths.mean(), 1e-9)
    return batches[len(batches) // 2], chosen, float(share)
