"""Which of transformers' implementations of attention a model learns with: the one that is fastest on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IMPLEMENTATIONS = ("eager", "sdpa")  # the first where nothing speaks for another
FASTER = 1.03  # times as fast another must be: the noise of a short measurement does not decide


def fastest_attention(network: Any, named: str | None, pace: Callable[[], float]) -> tuple[str, dict[str, float]]:
    """The implementation to learn with, which the network has now, and rows a second of each that was measured.

    named: one that the recipe names. pace: measures how many rows a second are learned.
    """
    supported = [name for name in IMPLEMENTATIONS if name == "eager" or getattr(network.base_model, "_supports_sdpa", False)]
    paces: dict[str, float] = {}
    for name in [named] if named else supported:
        network.set_attn_implementation(name)
        paces[name] = pace()
    chosen = max(paces, key=lambda name: paces[name] * (FASTER if name == IMPLEMENTATIONS[0] else 1))
    network.set_attn_implementation(chosen)
    return chosen, paces
