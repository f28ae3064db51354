"""Shapes a backbone: keeps some of its layers, and freezes weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from framework_text.readiness import chosen_layers, frozen_layers


def keep_layers(network: Any, layers: int | Sequence[int] | None) -> list[int]:
    """Drops all but some layers of a transformers encoder, in place, and returns the kept ones' numbers, counted from 0.

    layers: how many to keep, spread evenly with the last among them (as DistilBERT is initialised, Sanh et al. 2019); or which;
    None: all. Raises InputError where the encoder does not have these layers.
    """
    count = network.config.num_hidden_layers
    chosen = chosen_layers(layers, count)
    if layers is None:
        return chosen
    stack = _stack(network, count)
    if stack is not None:
        modules = [stack[i] for i in chosen]
        del stack[:]
        stack.extend(modules)
    network.config.num_hidden_layers = len(chosen)
    if getattr(network.config, "layer_types", None):
        network.config.layer_types = [network.config.layer_types[i] for i in chosen]
    return chosen


def _stack(network: Any, count: int) -> nn.ModuleList | None:
    """The layers of a network; None where all layers share their weights (ALBERT)."""
    lists = [part for part in network.base_model.modules() if isinstance(part, nn.ModuleList) and len(part) == count]
    return lists[0] if lists and network.config.model_type != "albert" else None


def by_depth(network: Any, parameters: Iterable[nn.Parameter], decay: float) -> dict[int, list[nn.Parameter]]:
    """The parameters that learn, by the number of layers between them and the head: 0 for the head and the last layer, most for
    the embeddings. All have depth 0 where `decay`, the learning rate of a layer as a multiple of the next, is 1.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    if decay == 1:
        return {0: learning}
    count = network.config.num_hidden_layers
    layers = list(_stack(network, count) or ())
    depths = {id(p): count - 1 - number for number, layer in enumerate(layers) for p in layer.parameters()}
    depths |= {id(p): count for p in network.base_model.embeddings.parameters()}
    groups: dict[int, list[nn.Parameter]] = {}
    for parameter in learning:
        groups.setdefault(depths.get(id(parameter), 0), []).append(parameter)
    return groups


def freeze(network: Any, what: str | int | None) -> int:
    """Freezes weights, in place, and returns the number of frozen weights.

    what: "embeddings"; a number of layers from the first on, with the embeddings; "nothing" or None. Raises InputError where
    the network has fewer layers.
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
