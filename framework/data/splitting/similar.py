"""Finds near-duplicate texts in any language: MinHash over character shingles (Broder 1997), candidates by banding.

Of pairs just at the threshold the expected share found is 1 - (1 - THRESHOLD ** ROWS) ** BANDS, above 0.99; every pair reported
is verified. Time and memory grow linearly with the rows, about 100 bytes each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

THRESHOLD = 0.85  # Jaccard similarity of two texts' shingle sets, from which they count as the same
BANDS, ROWS = 12, 6
CHUNK = 20_000  # texts whose shingles are in memory at once
WIDE = 0x2E80  # from this code point on most characters (Chinese, Japanese, Korean) say about as much as a syllable
LETTERS = ("L", "M", "N")  # Unicode categories that tell texts apart; punctuation and symbols do not


def clusters(texts: Sequence[str], *others: Sequence[str], threshold: float = THRESHOLD) -> np.ndarray:
    """For each row the number of the first row it is a near-duplicate of, directly or through others; (n,), int64.

    texts, others: normal forms, without line breaks, one of each for every row; any of them makes two rows near-duplicates.
    """
    joined = _Clusters(len(texts))
    for one in (texts, *others):
        for width in (2, 3):
            keys, rows = _bands(one, width)
            for band in keys.T:
                for first, second in _collisions(band, rows):
                    if joined.root(first) != joined.root(second) and similarity(one[first], one[second], width) >= threshold:
                        joined.join(first, second)
    return joined.roots()


def merged(groups: np.ndarray, *keys: Sequence[str]) -> np.ndarray:
    """Groups joined where any of their rows have a key in common; an empty key joins nothing.

    groups: (rows,) int64, for each row a number of its group. keys: one of each for every row.
    """
    joined = _Clusters(len(groups))
    first: dict[tuple[int, object], int] = {}
    for place, column in enumerate((groups.tolist(), *keys), start=1):
        for row, key in enumerate(column):
            if key != "" and (other := first.setdefault((place, key), row)) != row:
                joined.join(other, row)
    return joined.roots()


def similarity(first: str, second: str, width: int = 3) -> float:
    """Jaccard similarity of the sets of `width` consecutive letters or digits, 0 to 1; 0 where there are none."""
    ours, theirs = (_shingles(text, width) for text in (first, second))
    return len(ours & theirs) / max(len(ours | theirs), 1)


class _Clusters:
    """Union-find in which every set is named by its smallest member."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def root(self, item: int) -> int:
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self.parent[high] = low

    def roots(self) -> np.ndarray:
        return np.array([self.root(item) for item in range(len(self.parent))], dtype=np.int64)


def _bands(texts: Sequence[str], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Band keys (rows, BANDS), uint64, of the texts that take shingles of this width, and their numbers (rows,)."""
    parts = [_signatures(texts[start : start + CHUNK], width, start) for start in range(0, len(texts), CHUNK)]
    empty = (np.zeros((0, BANDS), np.uint64), np.zeros(0, np.int64))
    keys, rows = zip(*parts, strict=True) if parts else ([empty[0]], [empty[1]])
    return np.concatenate(keys), np.concatenate(rows)


def _signatures(texts: Sequence[str], width: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    codes, starts = _letters(texts)
    ends = np.append(starts[1:], len(codes))
    wide = np.add.reduceat((codes >= WIDE).astype(np.int64), starts)
    mine = np.flatnonzero((2 * wide > ends - starts) == (width == 2))
    hashes = _mixed(_windows(codes, width))
    lengths = np.maximum(ends[mine] - starts[mine] - width, 1)  # no window reaches into the next text
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.repeat(starts[mine] - bounds[:-1], lengths) + np.arange(bounds[-1])
    hashes = hashes[flat]
    keys = np.zeros((len(mine), BANDS), np.uint64)
    random = np.random.default_rng(0)
    for band in range(BANDS if len(mine) else 0):
        for _ in range(ROWS):
            factor, shift = random.integers(2**32, size=2, dtype=np.uint32)
            least = np.minimum.reduceat(hashes * (factor | np.uint32(1)) + shift, bounds[:-1])
            keys[:, band] = keys[:, band] * np.uint64(0x9E3779B97F4A7C15) + least
    return keys, mine + offset


def _letters(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of all texts in a row, one space for what separates words, and where each text starts.

    A text begins and ends with a space; one more space parts it from the next.
    """
    whole = "".join(f" {text} \n" for text in texts)
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), np.uint32)
    kept = np.bincount(codes).astype(np.uint32)
    for point in np.flatnonzero(kept).tolist():
        kept[point] = point if point == ord("\n") else _KEPT[point]
    codes = kept[codes]
    space = codes == ord(" ")
    codes = codes[~(space & np.append(space[1:], False))]
    ends = np.flatnonzero(codes == ord("\n"))
    codes[ends] = ord(" ")
    return codes, np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)


def _windows(codes: np.ndarray, width: int) -> np.ndarray:
    """A number for every `width` consecutive code points; as many as there are code points."""
    padded = np.append(codes, np.zeros(width - 1, np.uint32))
    numbers = np.zeros(len(codes), np.uint32)
    for place in range(width):
        numbers = numbers * np.uint32(0x01000193) + padded[place : place + len(codes)]
    return numbers


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """murmur3's finalizer: neighbouring numbers come out far apart."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        numbers = (numbers ^ (numbers >> np.uint32(shift))) * np.uint32(factor)
    return numbers


def _collisions(band: np.ndarray, rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of rows with the same key: each with its group's first and with the one before it."""
    order = np.argsort(band, kind="stable")
    same = np.append(False, band[order][1:] == band[order][:-1]) if len(order) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    for place in np.flatnonzero(same):
        yield int(rows[order[first[place]]]), int(rows[order[place]])
        yield int(rows[order[place - 1]]), int(rows[order[place]])


def _shingles(text: str, width: int) -> set[str]:
    words = text.translate(_KEPT).split()
    letters = f" {' '.join(words)} "
    return {letters[i : i + width] for i in range(max(1, len(letters) - width + 1))} if words else set()


class _Kept(dict[int, int]):
    """For `str.translate`: a space for everything that does not tell texts apart, looked up once a character."""

    def __missing__(self, point: int) -> int:
        self[point] = point if unicodedata.category(chr(point))[0] in LETTERS else ord(" ")
        return self[point]


_KEPT = _Kept()
