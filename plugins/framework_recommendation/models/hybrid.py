"""Matrix factorisation that also reads items' texts and users' attributes, so that both may be new.

A part of each history is predicted from the rest by a softmax over the items, which ranks better than pairs do and costs less.
Of an item in training its own part is now and then left out (DropoutNet, Volkovs et al. 2017): what its text says must then be
enough, as it is for an item that comes later. So are, of a user, the items taken. Without texts and attributes it learns from
who took what alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import Held, Interactions
from framework_recommendation.models.trained import Rebuildable, Side, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import HybridOptions

ALPHA = 0.5  # 0: a user is the sum of what was taken, 1: the mean
GIVEN = (0.5, 0.9)  # the share of a history that the rest is predicted from is drawn between these
WHOLE = 20_000  # items up to which the loss is over all of them
NEVER = -1e4  # instead of a logit
TOLD = 0.3  # how fast what a text says is learned beside an item's own part, which should say what the text does not
LEFT_OUT = 0.05  # how often an item's own part is, and all that a user took


class Pooled(Rebuildable):
    """What is exported: the vectors of taken items, summed over count^`ALPHA`, or those of attributes."""

    def __init__(self, items: int, values: int, width: int) -> None:
        """items: the catalogue + 1. values: the largest number of an attribute's value, + 1."""
        super().__init__(items=items, values=values, width=width)
        self.taken, self.values = nn.Embedding(items, width), nn.Embedding(values, width)

    @classmethod
    def of(cls, taken: torch.Tensor, values: torch.Tensor) -> Pooled:
        network = cls(len(taken), *values.shape)
        network.load_state_dict({"taken.weight": taken, "values.weight": values}, assign=True)
        return network.requires_grad_(False)

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        count = (history > 0).sum(1, keepdim=True).clamp(min=1).to(torch.float32)
        user = self.taken(history).sum(1) / count**ALPHA + said(self.values, attributes, history > 0)
        return torch.cat([user, torch.ones_like(user[:, :1])], dim=1)


class Hybrid(Network):
    """An item as it is taken and as it is offered, the latter with a bias: a part of its own and a projection of its text."""

    trains_in_order = True
    texts: torch.Tensor

    def __init__(self, catalogue: int, options: HybridOptions, texts: np.ndarray | None, values: int) -> None:
        """texts: (catalogue + 1, text dimensions). values: the largest number of an attribute's value."""
        super().__init__()
        width = options.dimensions
        self.width, self.negatives, self.dropout = width, options.negatives, nn.Dropout(options.dropout)
        self.own = nn.Embedding(catalogue + 1, 2 * width + 1, padding_idx=0)
        self.reads_texts = texts is not None
        texts = np.zeros((catalogue + 1, 1), np.float32) if texts is None else texts
        self.project = nn.Linear(texts.shape[1], 2 * width + 1, bias=False)
        self.values = nn.Embedding(values + 1, width, padding_idx=0)
        self.register_buffer("texts", torch.from_numpy(texts.astype(np.float32)), persistent=False)
        self.scale = TOLD * texts.shape[1] ** -0.5  # by the root a step would move what a text says as far as an own part
        nn.init.normal_(self.project.weight, std=0.1)
        for table in (self.own, self.values):
            nn.init.normal_(table.weight, std=width**-0.5 / 4)
            with torch.no_grad():
                table.weight[0] = 0.0

    def vectors(self, items: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of items (n,): as taken, as offered, each (n, width), and the bias (n,). kept: (n, 1), 0 without the own part."""
        own = self.own(items)
        both = (own if kept is None else own * kept) + self.project(self.texts[items]) * self.scale
        return both[:, : self.width], both[:, self.width : -1], both[:, -1]

    def exported(self) -> Pooled:
        with torch.no_grad():
            taken = with_zero_first(self.vectors(torch.arange(len(self.texts)))[0])
            return Pooled.of(taken, self.values.weight.clone()).eval()

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        found, places = history.unique(return_inverse=True)
        taken = self.vectors(found)[0][places] * (history > 0)[..., None]
        count = (history > 0).sum(1, keepdim=True).clamp(min=1).to(taken.dtype)
        user = taken.sum(1) / count**ALPHA + said(self.values, attributes, history > 0)
        return torch.cat([user, torch.ones_like(user[:, :1])], dim=1)

    def matrix(self) -> torch.Tensor:
        _, offered, bias = self.vectors(torch.arange(len(self.texts), device=self.texts.device))
        return with_zero_first(torch.cat([offered, bias[:, None]], dim=1))

    def projection(self) -> np.ndarray:
        """(text dimensions + 1, width + 1): see `Trained.projection`."""
        offered = self.project.weight.detach()[self.width :].T * self.scale
        return torch.cat([offered, torch.zeros_like(offered[:1])]).numpy().copy()

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross entropy of the items of one part of each history, given the other part, over all items but those given.

        Above `WHOLE` items over those of the batch and some that are drawn.
        """
        history = batch["history"]
        given = self.given(history)
        found, places = self.compared(history)
        kept = (torch.rand((len(found), 1), device=found.device) > LEFT_OUT).float() if self.reads_texts else None
        taken, offered, bias = self.vectors(found, kept)
        count = given.sum(1, keepdim=True).clamp(min=1).to(taken.dtype)
        user = (taken[places] * given[..., None]).sum(1) / count**ALPHA + said(self.values, batch["attributes"], given)
        logits = (self.dropout(user) @ offered.T).float() + bias
        left_out = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, places * given, True)  # the padding is in column 0
        log_shares = functional.log_softmax(logits.masked_fill(left_out, NEVER), dim=1)
        wanted = (history > 0) & ~given
        return -(log_shares.gather(1, places) * wanted).sum() / wanted.sum().clamp(min=1)

    def given(self, history: torch.Tensor) -> torch.Tensor:
        """(batch, length) bool: which items stand for the user; of some users whose attributes are read none."""
        low, high = GIVEN
        share = low + (high - low) * torch.rand((len(history), 1), device=history.device)
        given = (history > 0) & (torch.rand(history.shape, device=history.device) < share)
        if self.values.num_embeddings > 1:
            given = given & (torch.rand((len(history), 1), device=history.device) > LEFT_OUT)
        return given

    def compared(self, history: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Items (n,), the padding first, and where among them those of the history are, (batch, length)."""
        everything = len(self.texts)
        if everything <= WHOLE:
            return torch.arange(everything, device=history.device), history
        drawn = torch.randint(0, everything, (self.negatives,), device=history.device)
        found, places = torch.cat([drawn.new_zeros(1), drawn, history.flatten()]).unique(return_inverse=True)
        return found, places[-history.numel() :].view_as(history)


def said(values: nn.Embedding, attributes: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """(batch, width): the sum of the attributes' vectors of those who took nothing, zeros for the others.

    Who took something is known by it: attributes beside a history are learned by heart, and rank worse than none. A value
    that training did not have says nothing. given: (batch, length), what was taken.
    """
    known = (attributes < values.num_embeddings) & given.any(1, keepdim=True).logical_not()
    found: torch.Tensor = values(torch.where(known, attributes, 0)).sum(1)
    return found


def fit(train: Interactions, held: Held, options: HybridOptions, context: FitContext[Any, Any], side: Side) -> Trained:
    torch.manual_seed(context.seed)
    values = max((int(table.max(initial=0)) for table in (side.attributes, side.held) if table is not None), default=0)
    network = Hybrid(train.catalogue, options, side.texts, values)
    trained = fit_network(network, train, held, options, context, side)
    learned = cast(Hybrid, trained.network)
    projection = learned.projection() if learned.reads_texts else None
    return replace(trained, network=learned.exported(), uses_attributes=values > 0, projection=projection)
