"""Learns the embeddings of the tokens that occur: the others get no gradient, but an optimizer would go through them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

MOST = 0.8  # of the vocabulary: where more of it occurs, there is little to gain


class OccurringTokens(nn.Module):
    """An embedding whose weight (occurring tokens, width) holds the rows of these tokens alone; any other token id is wrong."""

    def __init__(self, whole: nn.Embedding, occurring: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(whole.weight.detach()[occurring].clone())
        places = torch.zeros(whole.num_embeddings, dtype=torch.int64)
        places[occurring] = torch.arange(len(occurring))
        self.register_buffer("places", places, persistent=False)
        self.padding = None if whole.padding_idx is None else int(places[whole.padding_idx])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return functional.embedding(self.places[ids], self.weight, self.padding)  # type: ignore[index]


@contextmanager
def learning_occurring_tokens(network: Any, tokens: Iterable[np.ndarray], pad: int) -> Iterator[None]:
    """Within, the network's embedding has the rows of these tokens and of `pad` alone; behind it all rows, these with what
    they learned. As it is where embeddings do not learn, or are more than a table, or nearly all tokens occur.
    """
    whole = network.get_input_embeddings()
    if type(whole) is not nn.Embedding or not whole.weight.requires_grad:
        yield
        return
    padding = [pad] if whole.padding_idx is None else [pad, whole.padding_idx]
    occurring = np.unique(np.concatenate([np.asarray(padding), *map(np.unique, tokens)]))
    if len(occurring) > MOST * whole.num_embeddings:
        yield
        return
    places = torch.from_numpy(occurring.astype(np.int64))
    part = OccurringTokens(whole, places)
    network.set_input_embeddings(part)
    try:
        yield
    finally:
        with torch.no_grad():
            whole.weight[places] = part.weight.detach().to(whole.weight)
        network.set_input_embeddings(whole)
