"""Smaller and partly frozen backbones: fewer layers, fewer weights that learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from framework import InputError


def keep_layers(network: Any, layers: int | Sequence[int] | None) -> list[int]:
    """Keeps some layers of a transformers encoder, in place, and returns their numbers, counted from 0.

    layers: how many, spread evenly with the last among them (as DistilBERT begins, Sanh et al. 2019); or which.
    Raises InputError when there are not that many.
    """
    count = network.config.num_hidden_layers
    if layers is None:
        return list(range(count))
    chosen = _spread(layers, count) if isinstance(layers, int) else list(layers)
    if not chosen or sorted(set(chosen)) != chosen or not 0 <= chosen[0] <= chosen[-1] < count:
        known = f"this backbone has {count} layers; write 1 to {count}, or a rising list of 0 to {count - 1}"
        raise InputError(f"model.layers={layers}: {known}")
    stack = _stack(network, count)
    if stack is not None:
        kept = [stack[i] for i in chosen]
        del stack[:]
        stack.extend(kept)
    network.config.num_hidden_layers = len(chosen)
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = [network.config.layer_types[i] for i in chosen]
    return chosen


def _spread(number: int, count: int) -> list[int]:
    return [round((i + 1) * count / number) - 1 for i in range(number)] if 1 <= number <= count else []


def _stack(network: Any, count: int) -> nn.ModuleList | None:
    """The list of layers; None where all layers share their weights (ALBERT), so that only their number counts."""
    lists = [part for part in network.base_model.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    return lists[0] if lists and network.config.model_type != "albert" else None


def freeze(network: Any, what: str | int | None) -> int:
    """Stops weights from learning and returns how many: "embeddings", or a number of layers and the embeddings below them."""
    if what is None:
        return 0
    parts: list[nn.Module] = [network.base_model.embeddings]
    if what != "embeddings":
        layers = _stack(network, network.config.num_hidden_layers)
        if layers is None or not 0 < int(what) <= len(layers):
            known = f"write embeddings, or how many of the {network.config.num_hidden_layers} layers, from the first on"
            raise InputError(f"model.freeze={what}: {known}")
        parts += list(layers)[: int(what)]
    frozen = [parameter for part in parts for parameter in part.parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return sum(parameter.numel() for parameter in frozen)
