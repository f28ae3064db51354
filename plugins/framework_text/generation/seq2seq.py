"""An encoder-decoder model of transformers as two graphs: an encoder of the source, and a decoder with two caches.

transformers decides in Python whether the keys and values of cross-attention are cached, a branch that an export cannot keep.
Here the encoder's graph returns them for every layer, and the decoder only reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import DynamicCache, EncoderDecoderCache

from framework import Graph, State, Tensor, Tensors
from framework_text.generation.decoder import TOLERANCE, CachedLayer, scores
from framework_text.generation.decoding import ENCODER, GRAPH, KEPT
from framework_text.generation.head import Head


class SourceEncoder(nn.Module):
    """input_ids, attention_mask (batch, source), 1 at tokens and 0 at the padding behind them.

    Returns cross (batch, source, layers, 2, heads, width): the keys and values of the decoder's cross-attention.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.get_encoder()
        self.projections = nn.ModuleList(part for pair in _projections(model.get_decoder()) for part in pair)
        self.shape = states_shape(model.config)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        seen = scores(attention_mask.unsqueeze(1) > 0)
        hidden = self.encoder(input_ids=input_ids, attention_mask=seen).last_hidden_state
        states = torch.stack([projection(hidden) for projection in self.projections], 2)
        return states.reshape(*states.shape[:2], *self.shape)


def _projections(decoder: Any) -> list[tuple[nn.Module, nn.Module]]:
    """The projections to keys and values of cross-attention, for each layer of the decoder."""
    if hasattr(decoder, "block"):  # T5
        attentions = [block.layer[1].EncDecAttention for block in decoder.block]
        return [(attention.k, attention.v) for attention in attentions]
    return [(layer.encoder_attn.k_proj, layer.encoder_attn.v_proj) for layer in decoder.layers]


class CrossDecoder(nn.Module):
    """As `decoder.Decoder`, for a decoder that also attends to a source.

    Further inputs: cross_mask (batch, source); cross (batch, source, layers, 2, heads, width): what `SourceEncoder` returned.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        model.set_attn_implementation("eager")
        decoder = model.get_decoder()
        self.layers = T5Layers(decoder) if hasattr(decoder, "block") else BartLayers(decoder)
        self.logits = Head(model)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        keep: torch.Tensor,
        past_mask: torch.Tensor,
        cache: torch.Tensor,
        cross_mask: torch.Tensor,
        cross: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        places = past_mask.sum(1, keepdim=True) + attention_mask.cumsum(1) - 1
        keys = torch.cat([past_mask.cumsum(1) - 1, places], 1)
        tokens = torch.cat([past_mask, attention_mask], 1) > 0
        seen = scores(tokens.unsqueeze(1) & (places.unsqueeze(-1) >= keys.unsqueeze(1)))
        past, layers = _caches(cache, cross)
        hidden = self.layers(input_ids, places, keys, seen, scores(cross_mask.unsqueeze(1) > 0), past)
        wanted = hidden.gather(1, keep.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))
        new = torch.cat([states for layer in layers for states in (layer.new_keys, layer.new_values)], 1)
        return self.logits(wanted), new.unflatten(1, cache.shape[2:5]).permute(0, 4, 1, 2, 3, 5)


def _caches(cache: torch.Tensor, cross: torch.Tensor) -> tuple[EncoderDecoderCache, list[CachedLayer]]:
    """The cache for transformers' attention, and those of its layers that collect the new keys and values of self-attention."""
    layers, cross_layers = ([CachedLayer(keys, values) for keys, values in _layers(states)] for states in (cache, cross))
    past = EncoderDecoderCache(DynamicCache(), DynamicCache())
    past.self_attention_cache.layers, past.cross_attention_cache.layers = list(layers), list(cross_layers)
    past.is_updated = dict.fromkeys(range(len(cross_layers)), True)
    return past, layers


def _layers(states: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(batch, length, layers, 2, heads, width) -> keys and values (batch, heads, length, width) of each layer."""
    return [(states[:, :, i, 0].transpose(1, 2), states[:, :, i, 1].transpose(1, 2)) for i in range(states.shape[2])]


class T5Layers(nn.Module):
    """The decoder stack of T5 and mT5, with relative position biases in attention (Raffel et al. 2020)."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, ids: torch.Tensor, places: torch.Tensor, keys: torch.Tensor, seen: torch.Tensor, source: torch.Tensor, past: Any
    ) -> torch.Tensor:
        """Hidden states (batch, sequence, width).

        places (batch, sequence): positions of `ids`. keys (batch, past + sequence): positions of all tokens. seen, source:
        additive masks of self-attention and cross-attention, see `scores`. past: the cache.
        """
        hidden = self.decoder.embed_tokens(ids)
        bias = self._bias(keys.unsqueeze(1) - places.unsqueeze(-1))
        for block in self.decoder.block:
            hidden = block(
                hidden,
                attention_mask=seen,
                position_bias=bias,
                encoder_hidden_states=hidden,  # not read: its keys and values are cached
                encoder_attention_mask=source,
                past_key_values=past,
            )[0]
        normed: torch.Tensor = self.decoder.final_layer_norm(hidden)
        return normed

    def _bias(self, distances: torch.Tensor) -> torch.Tensor:
        """Biases (batch, heads, sequence, past + sequence) of distances (batch, sequence, past + sequence)."""
        attention = self.decoder.block[0].layer[0].SelfAttention
        buckets = attention._relative_position_bucket(
            distances,
            bidirectional=False,
            num_buckets=attention.relative_attention_num_buckets,
            max_distance=attention.relative_attention_max_distance,
        )
        bias: torch.Tensor = attention.relative_attention_bias(buckets)
        return bias.permute(0, 3, 1, 2)


class BartLayers(nn.Module):
    """The decoder stack of BART, mBART and Pegasus, which have an embedding for each position."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder
        self.offset: int = getattr(decoder.embed_positions, "offset", 0)

    def forward(
        self, ids: torch.Tensor, places: torch.Tensor, keys: torch.Tensor, seen: torch.Tensor, source: torch.Tensor, past: Any
    ) -> torch.Tensor:
        """Hidden states (batch, sequence, width). Arguments: see `T5Layers.forward`; `keys` is not used."""
        table = self.decoder.embed_positions.weight
        rows = places.clamp(0, len(table) - self.offset - 1)
        hidden = self.decoder.embed_tokens(ids) + functional.embedding(rows + self.offset, table)
        if hasattr(self.decoder, "layernorm_embedding"):
            hidden = self.decoder.layernorm_embedding(hidden)
        for layer in self.decoder.layers:
            hidden = layer(
                hidden,
                attention_mask=seen,
                encoder_hidden_states=hidden,  # not read: its keys and values are cached
                encoder_attention_mask=source,
                past_key_values=past,
            )
        last: torch.Tensor = self.decoder.layer_norm(hidden) if hasattr(self.decoder, "layer_norm") else hidden
        return last


def states_shape(config: Any) -> tuple[int, int, int, int]:
    """(layers, 2, heads, width): the shape of one token's keys and values in `cross` and in `cache`."""
    if hasattr(config, "d_kv"):  # T5
        return config.num_decoder_layers, 2, config.num_heads, config.d_kv
    heads = config.decoder_attention_heads
    return config.decoder_layers, 2, heads, config.d_model // heads


def seq2seq_graphs(model: Any, source: int, written: int) -> tuple[Graph, Graph]:
    """The graphs of encoder and decoder. source, written: tokens of a source and of an answer, at most, with special tokens."""
    model = model.eval()
    shape, vocabulary = states_shape(model.config), model.config.vocab_size
    of_source, new, past = ("batch", "source"), ("batch", "sequence"), ("batch", "past")
    decoder = Graph(
        GRAPH,
        inputs=(
            Tensor("input_ids", "int64", new),
            Tensor("attention_mask", "int64", new),
            Tensor("keep", "int64", ("batch", "kept")),
            Tensor("past_mask", "int64", past),
            Tensor("cache", "float32", (*past, *shape)),
            Tensor("cross_mask", "int64", of_source),
            Tensor("cross", "float32", (*of_source, *shape)),
        ),
        outputs=(
            Tensor("logits", "float32", ("batch", "kept", vocabulary)),
            Tensor("new", "float32", (*new, *shape)),
        ),
        axes={
            "sequence": (1, min(KEPT, written)), "kept": (1, min(KEPT, written)), "past": (0, written), "source": (1, source),
        },
        tolerance={"logits": TOLERANCE, "new": TOLERANCE},
        unscaled=("new",),
        decides="logits",
        state=(State("cache", "past_mask", "new"), State("cross", "cross_mask")),
        source=CrossDecoder(model).eval(),
        example=partial(_example_answer, vocabulary=vocabulary, shape=shape),
    )  # fmt: skip
    encoder = Graph(
        ENCODER,
        inputs=(Tensor("input_ids", "int64", of_source), Tensor("attention_mask", "int64", of_source)),
        outputs=(Tensor("cross", "float32", (*of_source, *shape)),),
        axes={"source": (1, source)},
        tolerance={"cross": TOLERANCE},
        unscaled=("cross",),
        source=SourceEncoder(model).eval(),
        example=partial(_example_source, vocabulary=vocabulary),
    )
    return encoder, decoder


def _example_source(sizes: Mapping[str, int], vocabulary: int) -> Tensors:
    """Random tokens; every other row ends in padding."""
    return _tokens(np.random.default_rng(sizes["batch"]), sizes["batch"], sizes["source"], vocabulary)


def _example_answer(sizes: Mapping[str, int], vocabulary: int, shape: tuple[int, ...]) -> Tensors:
    """Random tokens, cache and source; every other row has padding in all three."""
    batch, sequence, past, source = (sizes[axis] for axis in ("batch", "sequence", "past", "source"))
    random = np.random.default_rng(batch * 1000 + sequence)
    return {
        **_tokens(random, batch, sequence, vocabulary),
        "keep": random.integers(0, max(1, sequence // 2), (batch, sizes["kept"])),
        "past_mask": _mask(batch, past, past // 2),
        "cache": random.standard_normal((batch, past, *shape), np.float32),
        "cross_mask": _mask(batch, source, max(1, source // 2)),
        "cross": random.standard_normal((batch, source, *shape), np.float32),
    }


def _tokens(random: np.random.Generator, batch: int, length: int, vocabulary: int) -> Tensors:
    ids = random.integers(min(5, vocabulary - 1), vocabulary, (batch, length))
    return {"input_ids": ids, "attention_mask": _mask(batch, length, max(1, length // 2))}


def _mask(batch: int, length: int, filled: int) -> np.ndarray:
    mask = np.ones((batch, length), np.int64)
    mask[1::2, filled:] = 0
    return mask
