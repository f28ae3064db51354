"""What is offered to somebody without a history: what most take, and what those alike take more of. No torch."""

from __future__ import annotations

import numpy as np

from framework_recommendation.interactions import Interactions

SMOOTHING = 50.0  # interactions that an attribute's own counts must outweigh


def popularity_table(train: Interactions, attributes: np.ndarray, values: int) -> np.ndarray:
    """(catalogue + 1, values + 1) float32: log p(item), then for each value of an attribute log p(item | value) - log p(item).

    Their sum over the values of a user ranks items as naive Bayes does. attributes: (users, fields) int64, 0 unknown.
    """
    counts = train.counts().astype(np.float64)
    share = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    found = np.zeros((len(counts), values + 1), dtype=np.float32)
    found[:, 0] = np.log(share)
    if values:
        own = _counts(train, attributes, values)
        smoothed = (own + SMOOTHING * share[:, None]) / (own.sum(0) + SMOOTHING)
        found[:, 1:] = np.log(smoothed) - np.log(share)[:, None]
    found[0] = 0.0
    return found


def _counts(train: Interactions, attributes: np.ndarray, values: int) -> np.ndarray:
    """(catalogue + 1, values): how often users with a value took an item."""
    found = np.zeros((train.catalogue + 1) * (values + 1), dtype=np.int64)
    users = np.repeat(np.arange(train.users), train.lengths())
    for field in range(attributes.shape[1]):
        found += np.bincount(train.items * np.int64(values + 1) + attributes[users, field], minlength=len(found))
    table: np.ndarray = found.reshape(train.catalogue + 1, values + 1)[:, 1:]
    return table
