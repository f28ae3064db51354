"""Item-based nearest neighbours: items taken by the same users as the items of the history."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse

from framework import FitContext, message
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.rows import binary
from framework_recommendation.models.trained import Rebuildable, SideInformation, Trained
from framework_recommendation.options import ItemKnnOptions

CELLS = 20_000_000  # similarities in memory at a time, at most, before the best are selected


class Neighbours(Rebuildable):
    """Scores of all items, (batch, catalogue + 1): the sum of the history's rows in a sparse matrix of similarities."""

    ids: torch.Tensor
    """(catalogue + 1, neighbours) int64: the most similar items of each item; 0 fills short rows."""
    weights: torch.Tensor
    """(catalogue + 1, neighbours) float32: the similarities of the items in `ids`; 0 fills short rows."""

    def __init__(self, items: int, neighbours: int) -> None:
        """items: catalogue + 1."""
        super().__init__(items=items, neighbours=neighbours)
        self.register_buffer("ids", torch.zeros((items, neighbours), dtype=torch.int64))
        self.register_buffer("weights", torch.zeros((items, neighbours)))

    @classmethod
    def of(cls, ids: np.ndarray, weights: np.ndarray) -> Neighbours:
        network = cls(*ids.shape)
        network.load_state_dict({"ids": torch.from_numpy(ids), "weights": torch.from_numpy(weights)}, assign=True)
        return network

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        zeros = self.weights.new_zeros((history.shape[0], self.ids.shape[0]))
        return zeros.scatter_add(1, self.ids[history].flatten(1), self.weights[history].flatten(1))


def fit(
    train: Interactions, held_out: HeldOutUsers, options: ItemKnnOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    """Cosine similarities with shrinkage, c_ij / (sqrt(n_i n_j) + shrinkage), the best `neighbours` of each item.

    The similarities are sparse, in the file too: 100,000 items need 120 MB instead of 40 GB.
    """
    ids, weights = similar(binary(train), options.neighbours, options.shrinkage)
    facts: dict[str, float] = {message("neighbours"): ids.shape[1], message("shrinkage"): options.shrinkage}
    return Trained(Neighbours.of(ids, weights).eval(), None, options.max_history, facts)


def similar(taken: sparse.csr_array, neighbours: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """The items most similar to each item, without the item itself: ids, int64, and similarities, float32, both (items, n).

    taken: (users, items), 1 where a user took an item; column 0 is the padding. n: `neighbours`, or fewer in a small catalogue.
    """
    items = taken.shape[1]
    kept, size = min(neighbours, items - 1), max(1, CELLS // items)
    by_item, roots = sparse.csr_array(taken.T), np.sqrt(taken.sum(0, dtype=np.float64)).astype(np.float32)
    ids, weights = np.zeros((items, kept), np.int64), np.zeros((items, kept), np.float32)
    for start in range(0, items, size):
        block = (by_item[start : start + size] @ taken).toarray()
        rows = np.arange(len(block))
        block[rows, rows + start] = 0.0
        norms = roots[start : start + size, None] * roots[None, :] + np.float32(shrinkage)
        np.divide(block, norms, out=block, where=block > 0)
        best = np.argpartition(-block, kept - 1, axis=1)[:, :kept]
        similarities = np.take_along_axis(block, best, 1)
        weights[start : start + size], ids[start : start + size] = similarities, np.where(similarities > 0, best, 0)
    return ids, weights
