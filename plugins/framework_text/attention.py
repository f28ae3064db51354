"""Chooses transformers' implementation of attention for training: the fastest on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IMPLEMENTATIONS = ("eager", "sdpa")  # the first is the default
FASTER = 1.03  # another replaces the default only if it is this many times as fast, so that noise does not decide


def fastest_attention(network: Any, named: str | None, pace: Callable[[], float]) -> tuple[str, dict[str, float]]:
    """Sets the fastest implementation on the network; returns the name of it, and training rows a second of each one measured.

    named: the recipe's choice, which is then the only one measured; None: all that the network supports. pace: measures
    training rows a second.
    """
    supported = [name for name in IMPLEMENTATIONS if name == "eager" or getattr(network.base_model, "_supports_sdpa", False)]
    paces: dict[str, float] = {}
    for name in [named] if named else supported:
        network.set_attn_implementation(name)
        paces[name] = pace()
    chosen = max(paces, key=lambda name: paces[name] * (FASTER if name == IMPLEMENTATIONS[0] else 1))
    network.set_attn_implementation(chosen)
    return chosen, paces
