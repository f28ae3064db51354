"""Interactions as the arrays that models compute with."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from framework_recommendation.interactions import Interactions


def padded(interactions: Interactions, length: int, ends: np.ndarray | None = None) -> np.ndarray:
    """(users, longest) int64: the newest `length` items of each history, oldest first, then zeros; at least one column.

    ends: (users,) for each user the index in ``interactions.items`` after the last item to take; None: after all items.
    """
    begins = interactions.starts[:-1]
    ends = interactions.starts[1:] if ends is None else ends
    lengths = np.minimum(ends - begins, length)
    columns = np.arange(max(1, int(lengths.max(initial=0))))
    places = (ends - lengths)[:, None] + columns
    inside = columns < lengths[:, None]
    histories = np.zeros(inside.shape, dtype=np.int64)
    histories[inside] = interactions.items[places[inside]]
    return histories


def pairs(interactions: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the user and of the item of each interaction, both (interactions,) int64; users count from 0."""
    return np.repeat(np.arange(interactions.users), interactions.lengths()), interactions.items.astype(np.int64)


def binary(interactions: Interactions) -> sparse.csr_array:
    """(users, catalogue + 1) float32: 1 where the user took the item, once or more; column 0, the padding, is empty."""
    matrix = sparse.csr_array(
        (np.ones(len(interactions), np.float32), interactions.items, interactions.starts),
        shape=(interactions.users, interactions.catalogue + 1),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
