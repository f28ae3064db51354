"""Smaller and partly frozen backbones: fewer layers, fewer weights that learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from framework_text.readiness import chosen_layers, frozen_layers


def keep_layers(network: Any, layers: int | Sequence[int] | None) -> list[int]:
    """Keeps some layers of a transformers encoder, in place, and returns their numbers, counted from 0.

    layers: how many, spread evenly with the last among them (as DistilBERT begins, Sanh et al. 2019); or which.
    Raises InputError when there are not that many.
    """
    count = network.config.num_hidden_layers
    chosen = chosen_layers(layers, count)
    if layers is None:
        return chosen
    stack = _stack(network, count)
    if stack is not None:
        kept = [stack[i] for i in chosen]
        del stack[:]
        stack.extend(kept)
    network.config.num_hidden_layers = len(chosen)
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = [network.config.layer_types[i] for i in chosen]
    return chosen


def _stack(network: Any, count: int) -> nn.ModuleList | None:
    """The list of layers; None where all layers share their weights (ALBERT), so that only their number counts."""
    lists = [part for part in network.base_model.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    return lists[0] if lists and network.config.model_type != "albert" else None


def freeze(network: Any, what: str | int | None) -> int:
    """Stops weights from learning and returns how many: "embeddings", or a number of layers and the embeddings below them;
    "nothing" and None stop none.
    """
    if what in (None, "nothing"):
        return 0
    parts: list[nn.Module] = [network.base_model.embeddings]
    if what != "embeddings":
        layers = _stack(network, network.config.num_hidden_layers)
        parts += list(layers or ())[: frozen_layers(what, len(layers or ()), shared=layers is None)]
    frozen = [parameter for part in parts for parameter in part.parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return sum(parameter.numel() for parameter in frozen)
