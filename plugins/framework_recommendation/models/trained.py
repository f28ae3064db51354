"""A fitted recommender, and the side information that it may be fitted with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from framework import TrainingFacts


@dataclass(frozen=True)
class SideInformation:
    """Descriptions of items and users, beside the interactions."""

    texts: np.ndarray | None = None
    """(catalogue + 1, text dimensions) float32 embeddings of the texts of items; zeros for items without a text; None: the
    candidate reads no texts."""
    attributes: np.ndarray | None = None
    """(users, fields) int64 value numbers of the users of training, 0 for unknown values: see `fields.encoded`; None: no
    attributes."""
    held_out_attributes: np.ndarray | None = None
    """As `attributes`, of the validation users; None: no attributes."""


class Rebuildable(nn.Module):
    """A network that can be built again from numbers and filled with its weights."""

    def __init__(self, **numbers: float) -> None:
        """numbers: arguments of the subclass's constructor, by name."""
        super().__init__()
        self.numbers = numbers


@dataclass(frozen=True)
class Trained:
    """A fitted recommender: ``scores = network(history, attributes) @ items.T``."""

    network: Rebuildable
    """In eval mode; (history, attributes) -> (batch, dimensions) float32.

    history: (batch, length) int64 item numbers, the newest last, then zeros. attributes: (batch, fields) int64 value numbers, 0
    for unknown values. The output is finite for a history that is all padding.
    """
    items: np.ndarray | None
    """(catalogue + 1, dimensions) float32, row 0 zeros; None where the network returns the scores of all items itself, (batch,
    catalogue + 1).
    """
    max_history: int
    """Items of a history that the network takes at most; callers feed the newest ones."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Further numbers for the report."""
    uses_attributes: bool = False
    """Whether the network reads attributes."""
    projection: np.ndarray | None = None
    """(text dimensions + 1, dimensions) float32, its last row the bias: maps the embedding of a text to a row of `items`; None
    where the recommender was not trained to read texts.
    """
    parameters: int | None = None
    """Number of learned parameters; None: not stated."""
    training: TrainingFacts | None = None
    """None for recommenders that are not trained step by step."""
    held_out_items: np.ndarray | None = None
    """As `items`, before these learned from what the validation users took; None: they have not."""

    def scores(self, history: torch.Tensor, attributes: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, catalogue + 1) float32; column 0 is the padding.

        history, attributes: as `network` takes them; attributes: None: all values are unknown.
        """
        if attributes is None:
            attributes = torch.zeros((len(history), 1), dtype=torch.int64)
        with torch.no_grad():
            output: torch.Tensor = self.network(history, attributes)
            return output if self.items is None else output @ torch.from_numpy(self.items).T

    def vectors_of(self, texts: np.ndarray) -> np.ndarray:
        """(n, dimensions) float32: rows of `items` for new items, from the embeddings of their texts, (n, text dimensions)."""
        assert self.projection is not None, "this recommender does not read texts"
        vectors: np.ndarray = texts.astype(np.float32) @ self.projection[:-1] + self.projection[-1]
        return vectors
