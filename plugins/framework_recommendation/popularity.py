"""Popularity of items, overall and by attributes of users: the ranking for users without a history. No torch."""

from __future__ import annotations

import numpy as np

from framework_recommendation.interactions import Interactions

SMOOTHING = 50.0  # interactions of the overall distribution that are added to the counts of each attribute value


def popularity_table(train: Interactions, attributes: np.ndarray, values: int) -> np.ndarray:
    """(catalogue + 1, values + 1) float32: log p(item), then for each attribute value log p(item | value) - log p(item).

    The sum over the attribute values of a user ranks items as naive Bayes does. attributes: (users, fields) int64, 0 for
    unknown values. values: number of values of all attributes together.
    """
    counts = train.counts().astype(np.float64)
    share = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    table = np.zeros((len(counts), values + 1), dtype=np.float32)
    table[:, 0] = np.log(share)
    if values:
        by_value = _counts(train, attributes, values)
        smoothed = (by_value + SMOOTHING * share[:, None]) / (by_value.sum(0) + SMOOTHING)
        table[:, 1:] = np.log(smoothed) - np.log(share)[:, None]
    table[0] = 0.0
    return table


def _counts(train: Interactions, attributes: np.ndarray, values: int) -> np.ndarray:
    """(catalogue + 1, values): number of interactions of each item by users with each attribute value."""
    counts = np.zeros((train.catalogue + 1) * (values + 1), dtype=np.int64)
    users = np.repeat(np.arange(train.users), train.lengths())
    for field in range(attributes.shape[1]):
        counts += np.bincount(train.items * np.int64(values + 1) + attributes[users, field], minlength=len(counts))
    table: np.ndarray = counts.reshape(train.catalogue + 1, values + 1)[:, 1:]
    return table
