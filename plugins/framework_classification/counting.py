"""TF-IDF of one text without scikit-learn: n-grams of words and characters, weighted as `TfidfVectorizer` weights them.

A text becomes a sparse row, the columns of its n-grams and their weights: word n-grams first, then character n-grams.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from framework_text.ngrams import ngrams_within

WORD = re.compile(r"\w+|[^\w\s]+")
SHORTEST, LONGEST = 2, 4  # characters of a character n-gram; the ends of a word count as spaces
MOST = 4096  # features of a text that a graph gets, about those of 10,000 characters; of a longer text the heaviest
NGRAMS, IDF = "ngrams.txt", "idf.npy"
SEPARATOR = "\n"  # occurs in no n-gram, whose only white space is the blank
CACHED, CACHED_LENGTH = 50_000, 32  # words whose n-grams are remembered, and how long one may be: 10 to 50 MB at most


class Counting:
    """TF-IDF features of texts, equal to those of the scikit-learn pipeline that they were fitted with."""

    def __init__(self, words: Sequence[str], letters: Sequence[str], idf: np.ndarray) -> None:
        """words: n-grams of one or two words. letters: n-grams of characters within words. Both are in the order of columns.

        idf: inverse document frequencies, float32 (words + letters,).
        """
        self.idf = idf
        self._words = {ngram: column for column, ngram in enumerate(words)}
        self._letters = {ngram: column for column, ngram in enumerate(letters, len(words))}
        self._columns_within = lru_cache(CACHED)(self._columns_of_word)

    @classmethod
    def of(cls, features: Any) -> Counting:
        """From a fitted `linear.tfidf`, a `FeatureUnion` of two `TfidfVectorizer`s, of words and of characters within words."""
        words, letters = (vectorizer for _, vectorizer in features.transformer_list)
        idf = np.concatenate([words.idf_, letters.idf_]).astype(np.float32)
        return cls(_in_order(words.vocabulary_), _in_order(letters.vocabulary_), idf)

    @classmethod
    def load(cls, folder: Path) -> Counting:
        """The features that `save` wrote."""
        words, letters = (folder / NGRAMS).read_bytes().decode("utf-8").split(2 * SEPARATOR)
        idf = np.load(folder / IDF, allow_pickle=False)
        return cls(_lines(words), _lines(letters), idf)

    def save(self, folder: Path) -> None:
        """Writes two files: the n-grams in UTF-8, one a line, an empty line between the two kinds; and `idf`."""
        text = (2 * SEPARATOR).join(SEPARATOR.join(ngrams) for ngrams in (self._words, self._letters))
        (folder / NGRAMS).write_bytes(text.encode("utf-8"))
        np.save(folder / IDF, self.idf, allow_pickle=False)

    def __len__(self) -> int:
        """The number of n-grams, which is also the column of the feature that stands for none."""
        return len(self.idf)

    def features(self, text: str, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Columns (n,) int64 and weights (n,) float32 of the n-grams in a text, the heaviest `most` where there are more.

        The weights of each kind have an L2 norm of 1. A text without any n-gram has the column `len(self)` with weight 0.
        """
        text = text.lower()
        words = self._weighed(self._columns_of_words(text))
        letters = self._weighed(chain.from_iterable(map(self._columns_of, text.split())))
        columns, weights = (np.concatenate(parts) for parts in zip(words, letters, strict=True))
        if not len(columns):
            return np.array([len(self)], np.int64), np.zeros(1, np.float32)
        if most is not None and len(columns) > most:
            heaviest = np.sort(np.argsort(-weights, kind="stable")[:most])
            return columns[heaviest], weights[heaviest]
        return columns, weights

    def _weighed(self, columns: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Columns and weights (1 + log count) x idf, scaled to an L2 norm of 1."""
        counts = Counter(columns)
        ids = np.fromiter(counts, np.int64, len(counts))
        weights = (np.log(np.fromiter(counts.values(), np.float32, len(counts))) + 1) * self.idf[ids]
        return ids, weights / max(float(np.sqrt(weights @ weights)), np.finfo(np.float32).tiny)

    def _columns_of_words(self, text: str) -> Iterable[int]:
        words = WORD.findall(text)
        column = self._words.get
        ngrams = [*words, *map(" ".join, pairwise(words))]
        return [number for ngram in ngrams if (number := column(ngram)) is not None]

    def _columns_of(self, word: str) -> Sequence[int]:
        return self._columns_within(word) if len(word) <= CACHED_LENGTH else self._columns_of_word(word)

    def _columns_of_word(self, word: str) -> Sequence[int]:
        column = self._letters.get
        return tuple(number for ngram in ngrams_within(word, SHORTEST, LONGEST) if (number := column(ngram)) is not None)


def _in_order(vocabulary: Mapping[str, int]) -> list[str]:
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _lines(text: str) -> list[str]:
    return text.split(SEPARATOR) if text else []
