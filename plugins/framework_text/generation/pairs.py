"""Prompts and answers in tokens, and the recipe's limits on them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """A limit in tokens, set by the recipe."""

    key: str
    """The recipe's key, such as ``task.max_text``."""
    tokens: int
    loss: str
    """A clause for messages that tells what is cut off rows that exceed the limit."""

    def __str__(self) -> str:
        return f"{self.key}={self.tokens}"


@dataclass(frozen=True)
class Pair:
    """A training row in tokens: a prompt and its answer, which ends with an end token."""

    prompt: Sequence[int]
    answer: Sequence[int]
    shortened: bool = False
    """Whether the prompt was cut to the limit on reading."""
    cut: bool = False
    """Whether the answer was cut to the limit on writing."""
