"""Matrix factorisation with the BPR loss (Rendle et al. 2009, BPR: Bayesian Personalized Ranking from Implicit Feedback)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.trained import SideInformation, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import BprOptions

ALPHA = 0.5  # 0: a user is the sum of the vectors of the history, 1: their mean


class Factors(Network):
    """Each item has two vectors, one as part of a history, one as a recommendation, and a bias.

    A user is the sum of the history vectors, divided by their number to the power of `ALPHA` (FISM, Kabbur et al. 2013), and
    needs no parameters. In training, an item is left out of the history that it is predicted from.
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
        """BPR of each item of the histories against negatives drawn uniformly for the batch, without items of the user."""
        history = batch["history"]
        rows, columns = torch.nonzero(history, as_tuple=True)
        items = history[rows, columns]
        vectors = self.dropout(self.taken(history))
        others = vectors.sum(1)[rows] - vectors[rows, columns]
        count = (history > 0).sum(1)[rows, None] - 1
        users = others / count.clamp(min=1).to(others.dtype) ** ALPHA
        drawn = torch.randint(1, len(self.bias), (self.negatives,), device=history.device)
        valid = unseen(history, drawn, len(self.bias))[rows]
        return pairwise(users, self.offered.weight, self.bias, items, drawn, valid)


def unseen(history: torch.Tensor, items: torch.Tensor, width: int) -> torch.Tensor:
    """(batch, n) bool: which of the `items`, (n,) numbers below `width`, are not in the history."""
    seen = torch.zeros((len(history), width), dtype=torch.bool, device=history.device).scatter_(1, history, True)
    return ~seen[:, items]


def pairwise(
    users: torch.Tensor,
    offered: torch.Tensor,
    bias: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    valid: torch.Tensor,
) -> torch.Tensor:
    """The mean BPR loss over valid pairs.

    users: (n, dimensions). positive: (n,) the item of each user. negative: (negatives,) items shared by all users. Both index
    rows of `offered` and `bias`. valid: (n, negatives) bool, which negatives count for each user.
    """
    positive_scores = (users * offered[positive]).sum(1).float() + bias[positive]
    negative_scores = (users @ offered[negative].T).float() + bias[negative]
    losses = functional.softplus(negative_scores - positive_scores[:, None])
    return (losses * valid).sum() / valid.sum().clamp(min=1)


def fit(
    train: Interactions, held_out: HeldOutUsers, options: BprOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    torch.manual_seed(context.seed)
    network = Factors(train.catalogue, options.dimensions, options.dropout, options.negatives)
    return fit_network(network, train, held_out, options, context, side)
