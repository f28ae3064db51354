"""Finds near-duplicate texts in any language: MinHash over character shingles (Broder 1997), candidates by banding.

A pair exactly at the threshold is found with probability 1 - (1 - THRESHOLD ** ROWS) ** BANDS, above 0.99; every candidate pair
is verified. Time and memory grow linearly with the rows, about 100 bytes a row.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

THRESHOLD = 0.85  # Jaccard similarity of two texts' shingle sets, from which they are near-duplicates
BANDS, ROWS = 12, 6  # bands of a signature, and MinHash values of a band
CHUNK = 20_000  # texts whose shingles are in memory at once, at most
WIDE = 0x2E80  # from this code point on most characters (Chinese, Japanese, Korean) say about as much as a syllable
LETTERS = ("L", "M", "N")  # Unicode categories that tell texts apart; punctuation and symbols do not


def clusters(texts: Sequence[str], *others: Sequence[str], threshold: float = THRESHOLD) -> np.ndarray:
    """(rows,) int64: for each row the number of the first row in its cluster: near-duplicates, directly or through other rows.

    texts, others: lists of normal forms without line breaks, each over all rows; two rows are near-duplicates if their texts
    in any of the lists are.
    """
    joined = _Clusters(len(texts))
    for forms in (texts, *others):
        for width in (2, 3):
            keys, rows = _bands(forms, width)
            for band in keys.T:
                for first, second in _collisions(band, rows):
                    if joined.root(first) == joined.root(second):
                        continue
                    if similarity(forms[first], forms[second], width) >= threshold:
                        joined.join(first, second)
    return joined.roots()


def merged(groups: np.ndarray, *keys: Sequence[str]) -> np.ndarray:
    """(rows,) int64: the groups, joined where rows of theirs have a key in common; an empty key joins nothing.

    groups: (rows,) int64, the number of each row's group. keys: lists of keys, each over all rows.
    """
    joined = _Clusters(len(groups))
    first: dict[tuple[int, object], int] = {}
    for place, column in enumerate((groups.tolist(), *keys), start=1):
        for row, key in enumerate(column):
            if key != "" and (other := first.setdefault((place, key), row)) != row:
                joined.join(other, row)
    return joined.roots()


def similarity(first: str, second: str, width: int = 3) -> float:
    """Jaccard similarity, from 0 to 1, of the texts' sets of `width` consecutive letters or digits; 0 where both are empty."""
    one, other = (_shingles(text, width) for text in (first, second))
    return len(one & other) / max(len(one | other), 1)


class _Clusters:
    """A union-find structure over 0 to size - 1 whose sets are named by their smallest member."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def root(self, item: int) -> int:
        """The smallest member of the item's set."""
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        """Unites the sets of two items."""
        low, high = sorted((self.root(first), self.root(second)))
        self.parent[high] = low

    def roots(self) -> np.ndarray:
        """(size,) int64: the smallest member of each item's set."""
        return np.array([self.root(item) for item in range(len(self.parent))], dtype=np.int64)


def _bands(texts: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Band keys (n, BANDS) uint64 of the texts whose script takes shingles of this width, and their row numbers (n,)."""
    parts = [_signatures(texts[start : start + CHUNK], width, start) for start in range(0, len(texts), CHUNK)]
    empty = (np.zeros((0, BANDS), np.uint64), np.zeros(0, np.int64))
    keys, rows = zip(*parts, strict=True) if parts else ([empty[0]], [empty[1]])
    return np.concatenate(keys), np.concatenate(rows)


def _signatures(texts: Sequence[str], width: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """`_bands` of one chunk. offset: the row number of its first text."""
    codes, starts = _letters(texts)
    ends = np.append(starts[1:], len(codes))
    wide = np.add.reduceat((codes >= WIDE).astype(np.int64), starts)
    chosen = np.flatnonzero((2 * wide > ends - starts) == (width == 2))
    hashes = _mixed(_windows(codes, width))
    lengths = np.maximum(ends[chosen] - starts[chosen] - width, 1)  # no window reaches into the next text
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.repeat(starts[chosen] - bounds[:-1], lengths) + np.arange(bounds[-1])
    hashes = hashes[flat]
    keys = np.zeros((len(chosen), BANDS), np.uint64)
    random = np.random.default_rng(0)
    for band in range(BANDS if len(chosen) else 0):
        for _ in range(ROWS):
            factor, shift = random.integers(2**32, size=2, dtype=np.uint32)
            least = np.minimum.reduceat(hashes * (factor | np.uint32(1)) + shift, bounds[:-1])
            keys[:, band] = keys[:, band] * np.uint64(0x9E3779B97F4A7C15) + least
    return keys, chosen + offset


def _letters(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The code points of all texts one after another, words separated by one space, and where each text starts.

    A text begins and ends with a space; one more space separates it from the next.
    """
    joined = "".join(f" {text} \n" for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    replacements = np.bincount(codes).astype(np.uint32)
    for point in np.flatnonzero(replacements).tolist():
        replacements[point] = point if point == ord("\n") else _LETTERS_ONLY[point]
    codes = replacements[codes]
    space = codes == ord(" ")
    codes = codes[~(space & np.append(space[1:], False))]
    ends = np.flatnonzero(codes == ord("\n"))
    codes[ends] = ord(" ")
    return codes, np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)


def _windows(codes: np.ndarray, width: int) -> np.ndarray:
    """A hash of the `width` code points from each position on; as many hashes as code points."""
    padded = np.append(codes, np.zeros(width - 1, np.uint32))
    numbers = np.zeros(len(codes), np.uint32)
    for place in range(width):
        numbers = numbers * np.uint32(0x01000193) + padded[place : place + len(codes)]
    return numbers


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """MurmurHash3's finalizer, which spreads neighbouring numbers."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        numbers = (numbers ^ (numbers >> np.uint32(shift))) * np.uint32(factor)
    return numbers


def _collisions(band: np.ndarray, rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of rows with the same key: each row with the first of its key and with the one before it."""
    order = np.argsort(band, kind="stable")
    same = np.append(False, band[order][1:] == band[order][:-1]) if len(order) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    for place in np.flatnonzero(same):
        yield int(rows[order[first[place]]]), int(rows[order[place]])
        yield int(rows[order[place - 1]]), int(rows[order[place]])


def _shingles(text: str, width: int) -> set[str]:
    words = text.translate(_LETTERS_ONLY).split()
    letters = f" {' '.join(words)} "
    return {letters[i : i + width] for i in range(max(1, len(letters) - width + 1))} if words else set()


class _LettersOnly(dict[int, int]):
    """A table for `str.translate`: letters, marks and digits stay, everything else becomes a space; filled on first use."""

    def __missing__(self, point: int) -> int:
        self[point] = point if unicodedata.category(chr(point))[0] in LETTERS else ord(" ")
        return self[point]


_LETTERS_ONLY = _LettersOnly()
