"""Nearest-text search by TF-IDF of character n-grams: built with scikit-learn, searched with numpy alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framework_text.ngrams import ngrams_within

SHORTEST, LONGEST = 2, 5  # characters of an n-gram, within a word with a blank at each end
NGRAMS, ARRAYS = "ngrams.txt", ("starts", "texts", "weights")
SEPARATOR = "\n"  # occurs in no n-gram, whose only white space is the blank


class NgramIndex:
    """An inverted index from n-grams to texts.

    ngrams: in the order of the lists. starts: int64 (ngrams + 1,), the place at which each list begins in `texts` and
    `weights`. texts: int32, numbers of the texts. weights: float32, the n-gram's entry in the text's TF-IDF vector, normalized
    to length 1, times its inverse document frequency. Summed over the n-grams of a query, weights are proportional to the
    cosine of query and text.
    """

    def __init__(self, ngrams: Sequence[str], starts: np.ndarray, texts: np.ndarray, weights: np.ndarray) -> None:
        self.starts, self.texts, self.weights = starts, texts, weights
        self._places = {ngram: place for place, ngram in enumerate(ngrams)}

    @classmethod
    def of(cls, texts: Sequence[str]) -> NgramIndex:
        """The index of texts, at least one of which must not be blank."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(SHORTEST, LONGEST), sublinear_tf=True)
        lists = vectorizer.fit_transform(texts).multiply(vectorizer.idf_).tocsc()
        arrays = lists.indptr.astype(np.int64), lists.indices.astype(np.int32), lists.data.astype(np.float32)
        return cls(vectorizer.get_feature_names_out().tolist(), *arrays)

    @classmethod
    def load(cls, folder: Path) -> NgramIndex:
        """An index that `save` wrote; its arrays are memory-mapped."""
        ngrams = (folder / NGRAMS).read_bytes().decode("utf-8").split(SEPARATOR)
        return cls(ngrams, *(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS))

    def save(self, folder: Path) -> None:
        """Writes the index into a folder."""
        (folder / NGRAMS).write_bytes(SEPARATOR.join(self._places).encode("utf-8"))
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    def nearest(self, text: str, count: int) -> int:
        """The number of the most similar of `count` texts, the first one at a tie; 0 where no n-gram matches."""
        places = (self._places.get(ngram) for word in text.lower().split() for ngram in ngrams_within(word, SHORTEST, LONGEST))
        lists = [(self._list(place), times) for place, times in Counter(places).items() if place is not None]
        if not lists:
            return 0
        texts = np.concatenate([self.texts[part] for part, _ in lists])
        weights = np.concatenate([(1 + np.log(times)) * self.weights[part].astype(np.float64) for part, times in lists])
        return int(np.bincount(texts, weights, minlength=count).argmax())

    def _list(self, place: int) -> slice:
        return slice(int(self.starts[place]), int(self.starts[place + 1]))
