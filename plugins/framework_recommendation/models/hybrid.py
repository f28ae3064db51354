"""Matrix factorisation that also reads texts of items and attributes of users, so that both may be new.

In training, a part of each history is predicted from the other part by a softmax over the items, which ranks better than
pairwise losses and costs less. An item vector is the sum of a learned embedding and a projection of the item's text. Now and
then the embedding is left out (DropoutNet, Volkovs et al. 2017), so that the text alone is enough, as it must be for an item
that is added later. In the same way the history of a user is left out, so that the attributes alone are enough. Without texts
and attributes, the model learns from interactions alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.trained import Rebuildable, SideInformation, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import HybridOptions

ALPHA = 0.5  # 0: a user is the sum of the vectors of the history, 1: their mean
INPUT_SHARES = (0.5, 0.9)  # the share of a history that is the input in training is drawn between these
FULL_SOFTMAX = 20_000  # items up to which the loss is over all items
MASKED = -1e4  # replaces the logits of the input items and of the padding
TEXT_RATE = 0.3  # scales the projected text: it learns slower than the embedding, which should hold what the text does not tell
LEFT_OUT = 0.05  # probability that an item's embedding is left out, and that a user's history is


class Pooled(Rebuildable):
    """The exported network: the history's vectors, summed and divided by count^`ALPHA`; without a history, the attributes'."""

    def __init__(self, items: int, values: int, width: int) -> None:
        """items: catalogue + 1. values: number of attribute values + 1. width: dimensions of the vectors."""
        super().__init__(items=items, values=values, width=width)
        self.taken, self.values = nn.Embedding(items, width), nn.Embedding(values, width)

    @classmethod
    def of(cls, taken: torch.Tensor, values: torch.Tensor) -> Pooled:
        """taken: (items, width), vectors of items in a history. values: (values, width), vectors of attribute values."""
        network = cls(len(taken), *values.shape)
        network.load_state_dict({"taken.weight": taken, "values.weight": values}, assign=True)
        return network.requires_grad_(False)

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        count = (history > 0).sum(1, keepdim=True).clamp(min=1).to(torch.float32)
        user = self.taken(history).sum(1) / count**ALPHA + sum_attributes(self.values, attributes, history > 0)
        return torch.cat([user, torch.ones_like(user[:, :1])], dim=1)


class HybridFactors(Network):
    """The network in training. Each item has two vectors, one as part of a history, one as a recommendation, and a bias; all
    three are the sum of a learned embedding and a projection of the item's text.
    """

    trains_in_order = True
    texts: torch.Tensor

    def __init__(self, catalogue: int, options: HybridOptions, texts: np.ndarray | None, values: int) -> None:
        """texts: (catalogue + 1, text dimensions); None: no texts. values: number of attribute values."""
        super().__init__()
        width = options.dimensions
        self.width, self.negatives, self.dropout = width, options.negatives, nn.Dropout(options.dropout)
        self.embedding = nn.Embedding(catalogue + 1, 2 * width + 1, padding_idx=0)
        self.reads_texts = texts is not None
        texts = np.zeros((catalogue + 1, 1), np.float32) if texts is None else texts
        self.project = nn.Linear(texts.shape[1], 2 * width + 1, bias=False)
        self.values = nn.Embedding(values + 1, width, padding_idx=0)
        self.register_buffer("texts", torch.from_numpy(texts.astype(np.float32)), persistent=False)
        self.scale = TEXT_RATE * texts.shape[1] ** -0.5  # with the root alone, a step would move both parts equally far
        nn.init.normal_(self.project.weight, std=0.1)
        for table in (self.embedding, self.values):
            nn.init.normal_(table.weight, std=width**-0.5 / 4)
            with torch.no_grad():
                table.weight[0] = 0.0

    def vectors(self, items: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """For items (n,): history vectors (n, width), recommendation vectors (n, width) and biases (n,).

        kept: (n, 1), 0 where the embedding is left out; None: kept everywhere.
        """
        embedding = self.embedding(items)
        both = (embedding if kept is None else embedding * kept) + self.project(self.texts[items]) * self.scale
        return both[:, : self.width], both[:, self.width : -1], both[:, -1]

    def exported(self) -> Pooled:
        """The network that is exported, in eval mode."""
        with torch.no_grad():
            taken = with_zero_first(self.vectors(torch.arange(len(self.texts)))[0])
            return Pooled.of(taken, self.values.weight.clone()).eval()

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        items, places = history.unique(return_inverse=True)
        taken = self.vectors(items)[0][places] * (history > 0)[..., None]
        count = (history > 0).sum(1, keepdim=True).clamp(min=1).to(taken.dtype)
        user = taken.sum(1) / count**ALPHA + sum_attributes(self.values, attributes, history > 0)
        return torch.cat([user, torch.ones_like(user[:, :1])], dim=1)

    def matrix(self) -> torch.Tensor:
        _, offered, bias = self.vectors(torch.arange(len(self.texts), device=self.texts.device))
        return with_zero_first(torch.cat([offered, bias[:, None]], dim=1))

    def projection(self) -> np.ndarray:
        """(text dimensions + 1, width + 1): see `Trained.projection`."""
        offered = self.project.weight.detach()[self.width :].T * self.scale
        return torch.cat([offered, torch.zeros_like(offered[:1])]).numpy().copy()

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross entropy of the target items of each history, given its input items, over all items but the input items.

        In catalogues of more than `FULL_SOFTMAX` items it is over the items of the batch and sampled negatives.
        """
        history = batch["history"]
        inputs = self.input_mask(history)
        items, places = self.softmax_items(history)
        kept = (torch.rand((len(items), 1), device=items.device) > LEFT_OUT).float() if self.reads_texts else None
        taken, offered, bias = self.vectors(items, kept)
        count = inputs.sum(1, keepdim=True).clamp(min=1).to(taken.dtype)
        pooled = (taken[places] * inputs[..., None]).sum(1) / count**ALPHA
        user = pooled + sum_attributes(self.values, batch["attributes"], inputs)
        logits = (self.dropout(user) @ offered.T).float() + bias
        masked = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, places * inputs, True)  # column 0 is the padding
        log_shares = functional.log_softmax(logits.masked_fill(masked, MASKED), dim=1)
        targets = (history > 0) & ~inputs
        return -(log_shares.gather(1, places) * targets).sum() / targets.sum().clamp(min=1)

    def input_mask(self, history: torch.Tensor) -> torch.Tensor:
        """(batch, length) bool, drawn at random: the input items. Where attributes are read, some users have none."""
        low, high = INPUT_SHARES
        share = low + (high - low) * torch.rand((len(history), 1), device=history.device)
        inputs = (history > 0) & (torch.rand(history.shape, device=history.device) < share)
        if self.values.num_embeddings > 1:
            inputs = inputs & (torch.rand((len(history), 1), device=history.device) > LEFT_OUT)
        return inputs

    def softmax_items(self, history: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Items of the softmax (n,), the padding first, and the places of the history's items among them (batch, length)."""
        rows = len(self.texts)
        if rows <= FULL_SOFTMAX:
            return torch.arange(rows, device=history.device), history
        drawn = torch.randint(0, rows, (self.negatives,), device=history.device)
        items, places = torch.cat([drawn.new_zeros(1), drawn, history.flatten()]).unique(return_inverse=True)
        return items, places[-history.numel() :].view_as(history)


def sum_attributes(values: nn.Embedding, attributes: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """(batch, width): the sum of the vectors of the attribute values of users without a history, zeros for other users.

    Beside a history, attributes lead to overfitting and rank worse than none. Values that training did not have count as
    unknown. inputs: (batch, length) bool, the items of the history.
    """
    used = (attributes < values.num_embeddings) & inputs.any(1, keepdim=True).logical_not()
    total: torch.Tensor = values(torch.where(used, attributes, 0)).sum(1)
    return total


def fit(
    train: Interactions, held_out: HeldOutUsers, options: HybridOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    torch.manual_seed(context.seed)
    values = max(
        (int(table.max(initial=0)) for table in (side.attributes, side.held_out_attributes) if table is not None), default=0
    )
    network = HybridFactors(train.catalogue, options, side.texts, values)
    trained = fit_network(network, train, held_out, options, context, side)
    learned = cast(HybridFactors, trained.network)
    projection = learned.projection() if learned.reads_texts else None
    return replace(trained, network=learned.exported(), uses_attributes=values > 0, projection=projection)
