"""Prompts and answers in tokens, and the limits that the recipe sets them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """A limit in tokens that the recipe sets."""

    key: str
    """Of the recipe, such as task.max_text."""
    tokens: int
    loss: str
    """What it takes away of a row, where it is too low."""

    def __str__(self) -> str:
        return f"{self.key}={self.tokens}"


@dataclass(frozen=True)
class Pair:
    """A prompt and its answer in tokens, as they are learned: the answer ends with the token that ends it."""

    prompt: Sequence[int]
    answer: Sequence[int]
    shortened: bool = False
    """The limit of what is read took some of the prompt away."""
    cut: bool = False
    """The limit of what is written took some of the answer away."""
