"""Matrix factorisation with the BPR loss (Rendle et al. 2009, BPR: Bayesian Personalized Ranking from Implicit Feedback)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models.trained import Side, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import BprOptions

ALPHA = 0.5  # 0: a user is the sum of what was taken, 1: the mean


class Factors(Network):
    """A user is the sum of the factors of the items taken, divided by their number to the power of `ALPHA` (FISM, Kabbur et al.
    2013): there are as many users as come, and an item is left out of the history it is predicted from.
    """

    trains_in_order = True

    def __init__(self, catalogue: int, dimensions: int, dropout: float, negatives: int) -> None:
        super().__init__(catalogue=catalogue, dimensions=dimensions, dropout=dropout, negatives=negatives)
        self.negatives, self.dropout = negatives, nn.Dropout(dropout)
        self.taken = nn.Embedding(catalogue + 1, dimensions, padding_idx=0)
        self.offered = nn.Embedding(catalogue + 1, dimensions, padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(catalogue + 1))
        with torch.no_grad():
            for table in (self.taken, self.offered):
                table.weight[1:].normal_(std=dimensions**-0.5 / 4)

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        count = (history > 0).sum(1, keepdim=True).clamp(min=1).to(self.bias.dtype)
        user = self.taken(history).sum(1) / count**ALPHA
        return torch.cat([user, torch.ones_like(user[:, :1])], dim=1)

    def matrix(self) -> torch.Tensor:
        return with_zero_first(torch.cat([self.offered.weight, self.bias[:, None]], dim=1))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Each item of the histories against the same items, drawn uniformly for the batch, less those its user took."""
        history = batch["history"]
        rows, columns = torch.nonzero(history, as_tuple=True)
        items = history[rows, columns]
        vectors = self.dropout(self.taken(history))
        others = vectors.sum(1)[rows] - vectors[rows, columns]
        count = (history > 0).sum(1)[rows, None] - 1
        users = others / count.clamp(min=1).to(others.dtype) ** ALPHA
        drawn = torch.randint(1, len(self.bias), (self.negatives,), device=history.device)
        free = unseen(history, drawn, len(self.bias))[rows]
        return pairwise(users, self.offered.weight, self.bias, items, drawn, free)


def unseen(history: torch.Tensor, items: torch.Tensor, width: int) -> torch.Tensor:
    """(batch, items) bool: which items, numbers below `width`, a history does not have."""
    took = torch.zeros((len(history), width), dtype=torch.bool, device=history.device).scatter_(1, history, True)
    return ~took[:, items]


def pairwise(
    users: torch.Tensor,
    offered: torch.Tensor,
    bias: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    free: torch.Tensor,
) -> torch.Tensor:
    """The mean BPR loss.

    users: (n, dimensions). positive: (n,) rows of `offered` and `bias` that they took. negative: (negatives,) those drawn.
    free: (n, negatives), which of them count for each.
    """
    right = (users * offered[positive]).sum(1).float() + bias[positive]
    wrong = (users @ offered[negative].T).float() + bias[negative]
    losses = functional.softplus(wrong - right[:, None])
    return (losses * free).sum() / free.sum().clamp(min=1)


def fit(train: Interactions, held: Held, options: BprOptions, context: FitContext[Any, Any], side: Side) -> Trained:
    torch.manual_seed(context.seed)
    network = Factors(train.catalogue, options.dimensions, options.dropout, options.negatives)
    return fit_network(network, train, held, options, context, side)
