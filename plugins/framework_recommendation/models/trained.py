"""What a recommender is once it was fitted, and what it may know beside who took what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from framework import TrainingFacts


@dataclass(frozen=True)
class Side:
    """What is known of items and users beside the interactions.

    texts: (catalogue + 1, text dimensions) float32, zeros for items without a text.
    attributes: (users, fields) int64 of the users of training, 0 where unknown; the numbers of the values go on from field to
        field. held: the same of those held out.
    """

    texts: np.ndarray | None = None
    attributes: np.ndarray | None = None
    held: np.ndarray | None = None


class Rebuildable(nn.Module):
    """A network that can be built again and filled with its weights.

    numbers: arguments of its constructor, by name.
    """

    def __init__(self, **numbers: float) -> None:
        super().__init__()
        self.numbers = numbers


@dataclass(frozen=True)
class Trained:
    """A fitted recommender: ``scores = network(history, attributes) @ items.T``.

    network: in eval mode; (history (batch, length) int64, the newest item last and then zeros, attributes (batch, fields)
        int64, 0 unknown) -> (batch, dimensions) float32. Finite for a history that is all padding.
    items: (catalogue + 1, dimensions) float32, row 0 zeros; None where the network returns the scores of all items itself,
        (batch, catalogue + 1).
    max_history: how many items of a history the caller feeds at most, the newest ones.
    uses_attributes: otherwise the network ignores them.
    projection: (text dimensions + 1, dimensions) float32 where items can be added by their texts: see `vectors_of`.
    parameters: numbers that were learned. training: where it was trained step by step. facts: further ones, for people.
    """

    network: Rebuildable
    items: np.ndarray | None
    max_history: int
    facts: Mapping[str, float] = field(default_factory=dict)
    uses_attributes: bool = False
    projection: np.ndarray | None = None
    parameters: int | None = None
    training: TrainingFacts | None = None

    def scores(self, history: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, catalogue + 1) float32; what stands in column 0 means nothing."""
        if attributes is None:
            attributes = torch.zeros((len(history), 1), dtype=torch.int64)
        with torch.no_grad():
            found: torch.Tensor = self.network(history, attributes)
            return found if self.items is None else found @ torch.from_numpy(self.items).T

    def vectors_of(self, texts: np.ndarray) -> np.ndarray:
        """(n, dimensions) float32: rows of `items` for items known by the embeddings of their texts, (n, text dimensions)."""
        assert self.projection is not None, "this recommender does not read texts"
        vectors: np.ndarray = texts.astype(np.float32) @ self.projection[:-1] + self.projection[-1]
        return vectors
