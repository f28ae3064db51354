"""Grouped-query attention without copies of the shared keys and values (Ainslie et al. 2023)."""

from __future__ import annotations

import sys
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

NAME = "eager_in_groups"


def attend_in_groups(model: Any) -> None:
    """Sets the implementation `NAME` of attention on a model of transformers.

    transformers' eager attention repeats keys and values for every head that shares them: a copy of the whole cache, several
    times its size, in every step.
    """
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)


def _attention(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, **options: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The model's eager attention, with the queries of a group concatenated along the sequence as if of one head.

    query (batch, heads, sequence, width); key, value (batch, groups of heads, past + sequence, width). mask: additive,
    (batch, 1, sequence, past + sequence); None: no mask. Returns the output (batch, sequence, heads, width), and the weights of
    attention or None.
    """
    eager = sys.modules[type(module).__module__].eager_attention_forward
    batch, heads, length, width = query.shape
    groups = heads // key.shape[1]
    if groups == 1 or hasattr(module, "sinks"):  # sinks belong to heads
        output: tuple[torch.Tensor, torch.Tensor | None] = eager(module, query, key, value, mask, **options)
        return output
    rows = query.reshape(batch, key.shape[1], groups * length, width)
    masks = None if mask is None else mask.repeat(1, 1, groups, 1)
    grouped, _ = eager(_OneGroup(module), rows, key, value, masks, **options)
    return grouped.transpose(1, 2).reshape(batch, heads, length, -1).transpose(1, 2), None


class _OneGroup:
    """An attention module that claims one query head for each head of keys and values."""

    num_key_value_groups = 1

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
