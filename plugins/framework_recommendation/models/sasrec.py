"""SASRec (Kang & McAuley 2018, Self-Attentive Sequential Recommendation): predicts the next item from the ordered history.

It is trained by cross entropy over all items, or over many sampled negatives in large catalogues: with few negatives the model
becomes overconfident and ranks worse, as gSASRec (Petrov & Macdonald 2023) shows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.trained import SideInformation, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import SasrecOptions

FULL_SOFTMAX = 20_000  # items up to which the loss is over all items


class TransformerBlock(nn.Module):
    """A pre-norm transformer block: causal self-attention and a feed-forward layer, each with a residual connection."""

    def __init__(self, dimensions: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.before_attention, self.before_forward = nn.LayerNorm(dimensions), nn.LayerNorm(dimensions)
        self.project, self.join = nn.Linear(dimensions, 3 * dimensions), nn.Linear(dimensions, dimensions)
        self.widen, self.narrow = nn.Linear(dimensions, 4 * dimensions), nn.Linear(4 * dimensions, dimensions)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """states: (batch, length, dimensions)."""
        query, key, value = self.project(self.before_attention(states)).unflatten(2, (3, self.heads, -1)).unbind(2)
        query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)
        states = states + self.dropout(self.join(attended))
        hidden = functional.gelu(self.widen(self.before_forward(states)))
        output: torch.Tensor = states + self.dropout(self.narrow(self.dropout(hidden)))
        return output


class SASRec(Network):
    """Positions count from the oldest item that is fed. Padding comes last, so that causal attention never reads it."""

    def __init__(
        self, catalogue: int, dimensions: int, max_history: int, layers: int, heads: int, dropout: float, negatives: int
    ) -> None:
        super().__init__(
            catalogue=catalogue,
            dimensions=dimensions,
            max_history=max_history,
            layers=layers,
            heads=heads,
            dropout=dropout,
            negatives=negatives,
        )
        self.negatives = negatives if catalogue > FULL_SOFTMAX else None
        self.items = nn.Embedding(catalogue + 1, dimensions, padding_idx=0)
        self.positions = nn.Embedding(max_history, dimensions)
        self.bias = nn.Parameter(torch.zeros(catalogue + 1))
        self.blocks = nn.ModuleList(TransformerBlock(dimensions, heads, dropout) for _ in range(layers))
        self.norm, self.dropout = nn.LayerNorm(dimensions), nn.Dropout(dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.items.weight[0] = 0.0

    def states(self, history: torch.Tensor) -> torch.Tensor:
        """(batch, length, dimensions): at each position the state that predicts the next item."""
        places = torch.ones_like(history[0]).cumsum(0) - 1
        states = self.dropout(self.items(history) * self.items.embedding_dim**0.5 + self.positions(places))
        for block in self.blocks:
            states = block(states)
        normed: torch.Tensor = self.norm(states)
        return normed

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        states = self.states(history)
        newest = ((history > 0).sum(1, keepdim=True) - 1).clamp(min=0)
        state = states.gather(1, newest[:, :, None].expand(-1, -1, states.shape[2]))[:, 0]
        return torch.cat([state, torch.ones_like(state[:, :1])], dim=1)

    def matrix(self) -> torch.Tensor:
        return with_zero_first(torch.cat([self.items.weight, self.bias[:, None]], dim=1))

    def loss(self, batch: Batch) -> torch.Tensor:
        """Cross entropy of each item of the histories, given the items before it."""
        history = batch["history"]
        targets = history[:, 1:]
        rows, columns = torch.nonzero(targets, as_tuple=True)
        states, targets = self.states(history[:, :-1])[rows, columns], targets[rows, columns]
        if self.negatives is None:
            logits = (states @ self.items.weight[1:].T).float() + self.bias[1:]
            return functional.cross_entropy(logits, targets - 1)
        drawn = torch.randint(1, len(self.bias), (self.negatives,), device=history.device)
        negative = (states @ self.items(drawn).T).float() + self.bias[drawn]
        negative = negative.masked_fill(drawn[None, :] == targets[:, None], -torch.inf)
        positive = (states * self.items(targets)).sum(1, keepdim=True).float() + self.bias[targets, None]
        return functional.cross_entropy(torch.cat([positive, negative], dim=1), torch.zeros_like(targets))


def fit(
    train: Interactions, held_out: HeldOutUsers, options: SasrecOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    torch.manual_seed(context.seed)
    network = SASRec(
        train.catalogue,
        options.dimensions,
        options.max_history,
        options.layers,
        options.heads,
        options.dropout,
        options.negatives,
    )
    return fit_network(network, train, held_out, options, context, side)
