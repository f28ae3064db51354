"""Character n-grams as scikit-learn's `char_wb` analyzer counts them. No torch, no scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator


def ngrams_within(word: str, shortest: int, longest: int) -> Iterator[str]:
    """The n-grams of `shortest` to `longest` characters in a word with a blank at each end; none where that is shorter."""
    padded = f" {word} "
    for size in range(shortest, min(longest, len(padded)) + 1):
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]
