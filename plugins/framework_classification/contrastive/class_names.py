"""Class names that say something to an encoder: they are further texts of their classes. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

APART = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")  # between the words of "card_arrival", "card-arrival" and "cardArrival"
LETTERS = 3  # of at least one word; shorter names, such as "A1" and "pos", are codes to an encoder


def words_of(label: str) -> str | None:
    """The label as words, such as "card arrival" for "card_arrival"; None where it is a code or a number."""
    parts = [part for part in APART.split(label) if part]
    if not all(part.isalpha() for part in parts):
        return None
    return " ".join(parts) if any(len(part) > LETTERS or not part.isascii() for part in parts) else None


def named_texts(labels: Sequence[str]) -> list[str]:
    """The names of all classes as words; empty unless every class has a name of its own."""
    names = [name for label in labels if (name := words_of(label)) is not None]
    return names if len({name.lower() for name in names}) == len(labels) else []
