"""Training rows that are varied from epoch to epoch: words left out (Iyyer et al. 2015), swapped (Wei and Zou 2019, EDA) and
misspelt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework_text.options import FineTuning
from framework_text.tokens import EncodedRows, Target

VARIANTS = 3  # of each row, beside the row itself


def varies(options: FineTuning) -> bool:
    """Whether the options ask for varied rows."""
    return bool(options.word_dropout or options.swaps or options.typos)


def varied_text(text: str, options: FineTuning, random: np.random.Generator) -> str:
    """The text with some words left out, neighbours swapped and letters of words swapped; at least one word stays.

    A word is what stands between spaces. In languages without spaces the text is one word, in which typos alone happen.
    """
    words = text.split(" ")
    if len(words) > 1:
        kept = random.random(len(words)) >= options.word_dropout
        words = [word for word, keep in zip(words, kept, strict=True) if keep] or words
        for place in np.flatnonzero(random.random(len(words) - 1) < options.swaps).tolist():
            words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(_misspelt(word, random) if random.random() < options.typos else word for word in words)


def _misspelt(word: str, random: np.random.Generator) -> str:
    """The word with two neighbouring letters swapped."""
    if len(word) < 2:
        return word
    place = int(random.integers(len(word) - 1))
    return f"{word[:place]}{word[place + 1]}{word[place]}{word[place + 2 :]}"


def masked_ids(ids: np.ndarray, share: float, mask: int, special: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """Token ids with a share of them replaced by `mask`, so that as many stay. special: ids that are never replaced."""
    replaced = (random.random(len(ids)) < share) & ~np.isin(ids, np.asarray(special))
    return np.where(replaced, mask, ids)


class VariedRows:
    """Rows of which every epoch takes another variant: the rows themselves in the first, then one of the variants at random."""

    def __init__(self, rows: EncodedRows, variants: Sequence[EncodedRows], seed: int) -> None:
        """variants: of all rows, in the order of `rows`. seed: decides with epoch and row which variant is taken."""
        self.rows, self.variants, self.seed = rows, [rows, *variants], seed
        self.lengths, self.targets, self.texts = rows.lengths, rows.targets, rows.texts
        self.tokens = np.concatenate([one.tokens for one in self.variants])
        self.epoch: Callable[[], int] = lambda: 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Target]:
        epoch = self.epoch()
        drawn = int(np.random.default_rng((self.seed, epoch, index)).integers(len(self.variants))) if epoch else 0
        return self.variants[drawn][index]


def follow(rows: Any, sampler: Any) -> None:
    """Makes varied rows follow the epoch of their sampler, so that a resumed training has the rows of an uninterrupted one."""
    if isinstance(rows, VariedRows):
        rows.epoch = lambda: sampler.epoch
