"""Trains only the embeddings of tokens that occur: the others get no gradient, yet the optimizer would update their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MOST = 0.8  # share of the vocabulary; where more of it occurs, the gain is small


class OccurringTokens(nn.Module):
    """An embedding with rows for the occurring tokens only: weight (occurring tokens, width). Other ids give wrong rows."""

    def __init__(self, full: nn.Embedding, occurring: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(full.weight.detach()[occurring].clone())
        places = torch.zeros(full.num_embeddings, dtype=torch.int64)
        places[occurring] = torch.arange(len(occurring))
        self.register_buffer("places", places, persistent=False)
        self.padding = None if full.padding_idx is None else int(places[full.padding_idx])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return functional.embedding(self.places[ids], self.weight, self.padding)  # type: ignore[index]


@contextmanager
def learning_occurring_tokens(network: Any, tokens: Iterable[np.ndarray], pad: int) -> Iterator[None]:
    """Within the context, the network's embedding has rows only for the ids in `tokens` and for `pad`; on exit the trained rows
    are copied back into the full table.

    Does nothing where embeddings are frozen, are not a plain `nn.Embedding`, or nearly all tokens occur.
    """
    full = network.get_input_embeddings()
    if type(full) is not nn.Embedding or not full.weight.requires_grad:
        yield
        return
    padding = [pad] if full.padding_idx is None else [pad, full.padding_idx]
    occurring = np.unique(np.concatenate([np.asarray(padding), *map(np.unique, tokens)]))
    if len(occurring) > MOST * full.num_embeddings:
        yield
        return
    places = torch.from_numpy(occurring.astype(np.int64))
    reduced = OccurringTokens(full, places)
    network.set_input_embeddings(reduced)
    try:
        yield
    finally:
        with torch.no_grad():
            full.weight[places] = reduced.weight.detach().to(full.weight)
        network.set_input_embeddings(full)
