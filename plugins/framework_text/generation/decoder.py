"""A causal language model of transformers as one graph with a cache, which is run on the prompt and on every new token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from framework import Graph, State, Tensor, Tensors
from framework_text.generation.attention import attend_in_groups
from framework_text.generation.decoding import GRAPH, KEPT
from framework_text.generation.head import Head

# largest difference between the trained module and an exact file: of a logit, and of a state relative to its largest value
TOLERANCE = 1e-3


class Decoder(nn.Module):
    """One forward pass over new tokens, with the cached keys and values of earlier ones.

    Inputs: input_ids, attention_mask (batch, sequence); keep (batch, kept): positions among the new tokens whose logits are
    returned; past_mask (batch, past); cache (batch, past, layers, 2, heads, width): keys and values.
    Returns logits (batch, kept, vocabulary), and new (batch, sequence, layers, 2, heads, width) to append to the cache.

    Masks are 1 at tokens and 0 at padding, which may follow both the cache and the new tokens: causal and sliding-window
    attention use the positions that the masks count.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        attend_in_groups(model)
        self.model = model
        self.shape = cache_shape(model.config)
        self.window: int | None = getattr(model.config, "sliding_window", None)
        self.kinds = sorted(set(getattr(model.config, "layer_types", None) or ()))
        self._logits = Head(model)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        keep: torch.Tensor,
        past_mask: torch.Tensor,
        cache: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        states = _by_head(cache, self.shape[2])
        layers = [CachedLayer(*pair) for pair in zip(states[::2], states[1::2], strict=True)]
        past = DynamicCache()
        past.layers = list(layers)
        places = past_mask.sum(1, keepdim=True) + attention_mask.cumsum(1) - 1
        before = past_mask.cumsum(1) - 1
        seen = self._seen(places, torch.cat([before, places], 1), torch.cat([past_mask, attention_mask], 1) > 0)
        hidden = self.model.base_model(
            input_ids=input_ids, attention_mask=seen, position_ids=places.clamp(min=0), past_key_values=past, use_cache=True
        ).last_hidden_state
        wanted = hidden.gather(1, keep.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
        new = torch.cat([state for layer in layers for state in (layer.new_keys, layer.new_values)], 1)
        return self._logits(wanted), new.unflatten(1, self.shape[:3]).permute(0, 4, 1, 2, 3, 5)

    def _seen(self, queries: torch.Tensor, keys: torch.Tensor, tokens: torch.Tensor) -> Any:
        """The additive attention mask, (batch, 1, sequence, past + sequence); a mapping from kind of layer to mask where the
        model has several kinds.

        queries (batch, sequence), keys (batch, past + sequence): positions. tokens: bool (batch, past + sequence), False at
        padding.
        """
        distances = queries.unsqueeze(-1) - keys.unsqueeze(1)
        seen = tokens.unsqueeze(1) & (distances >= 0)
        near = seen & (distances < self.window) if self.window is not None else seen
        if not self.kinds:
            return scores(near)
        return {kind: scores(near if kind == "sliding_attention" else seen) for kind in self.kinds}


def _by_head(cache: torch.Tensor, heads: int) -> Sequence[torch.Tensor]:
    """Keys and values of each layer in turn, (batch, heads, past, width), with few copies in runtimes without views."""
    batch, past, *_, width = cache.shape
    if heads == 1:
        return [state.reshape(batch, 1, past, width) for state in cache.flatten(2, 4).split(1, 2)]
    states: Sequence[torch.Tensor] = cache.permute(0, 2, 3, 4, 1, 5).flatten(1, 3).split(heads, 1)
    return states


class CachedLayer(DynamicLayer):
    """A layer of the cache that passes cached and new keys and values to attention, and keeps the new ones separately."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.before = keys, values
        self.keys, self.values = keys, values  # read by transformers
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.new_keys, self.new_values = key_states, value_states
        return torch.cat([self.before[0], key_states], 2), torch.cat([self.before[1], value_states], 2)


def scores(seen: torch.Tensor) -> torch.Tensor:
    """The additive attention mask (batch, 1, queries, keys). seen: bool (batch, queries, keys), the keys that a query sees."""
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min).unsqueeze(1)


def cache_shape(config: Any) -> tuple[int, int, int, int]:
    """(layers, 2, heads, width): the shape of one token's keys and values in the cache."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.num_hidden_layers, 2, heads, width


def decoder_graph(model: Any, window: int) -> Graph:
    """The graph of a causal language model. window: tokens of a prompt and its answer together, at most."""
    config, shape, decoder = model.config, cache_shape(model.config), Decoder(model.eval()).eval()
    new, past = ("batch", "sequence"), ("batch", "past")
    return Graph(
        GRAPH,
        inputs=(
            Tensor("input_ids", "int64", new),
            Tensor("attention_mask", "int64", new),
            Tensor("keep", "int64", ("batch", "kept")),
            Tensor("past_mask", "int64", past),
            Tensor("cache", "float32", (*past, *shape)),
        ),
        outputs=(
            Tensor("logits", "float32", ("batch", "kept", config.vocab_size)),
            Tensor("new", "float32", (*new, *shape)),
        ),
        axes={"sequence": (1, window), "kept": (1, min(KEPT, window)), "past": (0, window)},
        tolerance={"logits": TOLERANCE, "new": TOLERANCE},
        unscaled=("new",),
        decides="logits",
        state=(State("cache", "past_mask", "new"),),
        source=decoder,
        example=_Example(decoder, shape),
    )


class _Example:
    """Example inputs: random tokens and the cache of random tokens; every other row has padding after both.

    With random numbers as the cache, or in some models without the token that begins a text, activations grow so large that
    rounding alone exceeds the tolerance.
    """

    def __init__(self, decoder: Decoder, shape: Sequence[int]) -> None:
        self.decoder, self.shape = decoder, shape
        self.states = lru_cache(maxsize=8)(self._states)  # the same few sizes are requested repeatedly

    def __call__(self, sizes: Mapping[str, int]) -> Tensors:
        batch, sequence, past = sizes["batch"], sizes["sequence"], sizes["past"]
        random = np.random.default_rng(batch * 1000 + sequence)
        masks = np.ones((batch, sequence), np.int64), np.ones((batch, past), np.int64)
        masks[0][1::2, max(1, sequence // 2) :] = 0
        masks[1][1::2, past // 2 :] = 0
        return {
            "input_ids": self._tokens(random, batch, sequence, begins=past == 0),
            "attention_mask": masks[0],
            "keep": random.integers(0, max(1, sequence // 2), (batch, sizes["kept"])),
            "past_mask": masks[1],
            "cache": self.states(batch, past),
        }

    def _tokens(self, random: np.random.Generator, batch: int, count: int, *, begins: bool) -> np.ndarray:
        config = self.decoder.model.config
        tokens = random.integers(min(5, config.vocab_size - 1), config.vocab_size, (batch, count))
        begin: int | None = getattr(config, "bos_token_id", None)
        if begins and begin is not None:
            tokens[:, :1] = begin
        return tokens

    def _states(self, batch: int, past: int) -> np.ndarray:
        """The cache, (batch, past, *shape), without padding."""
        empty = np.zeros((batch, 0, *self.shape), np.float32)
        if not past:
            return empty
        tokens = self._tokens(np.random.default_rng(batch), batch, past, begins=True)
        feeds = (tokens, np.ones_like(tokens), np.zeros((batch, 1), np.int64), np.zeros((batch, 0), np.int64), empty)
        with torch.inference_mode():
            states: np.ndarray = self.decoder(*map(torch.from_numpy, feeds))[1].numpy()
        return states
