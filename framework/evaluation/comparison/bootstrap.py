"""The paired bootstrap: two models judged on the same samples of the rows (Koehn 2004; Berg-Kirkpatrick et al. 2012)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from framework.contracts.contributions import Contributions

ELEMENTS = 1_000_000  # numbers of one array in memory, about
Judge = Callable[[np.ndarray], Mapping[str, float]]  # from row numbers, which may repeat, to the metrics on these rows


@dataclass(frozen=True)
class Samples:
    """The metrics, and the scores of classes, of one model on samples of the rows: (draws,) each."""

    metrics: Mapping[str, np.ndarray]
    """By name of the metric."""
    classes: Mapping[str, np.ndarray]
    """By name of the class."""
    draws: int


def resample(sides: Sequence[Contributions], rows: np.ndarray, draws: int, seed: int) -> list[Samples]:
    """Metrics of each side on samples of `rows`, drawn with replacement and as large as `rows`, the same samples for all sides.

    rows: row numbers. Draws are computed in chunks of bounded memory.
    """
    sums = [Sums(side, rows) for side in sides]
    chunk = max(1, ELEMENTS // max(len(rows), *(side.entries for side in sums)))
    random = np.random.default_rng(seed)
    parts: list[list[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]] = [[] for _ in sides]
    for start in range(0, draws, chunk):
        drawn = random.integers(len(rows), size=(min(chunk, draws - start), len(rows)), dtype=np.int32)
        counts = _counts(drawn, len(rows))
        for side, sums_of, chunks in zip(sides, sums, parts, strict=True):
            totals = sums_of(drawn, counts)
            chunks.append((side.metrics(totals), side.class_scores(totals) if side.class_scores else {}))
    return [Samples(_concatenate(m for m, _ in side), _concatenate(c for _, c in side), draws) for side in parts]


def over_all(side: Contributions, rows: np.ndarray) -> Samples:
    """Metrics on `rows` themselves, as one draw. rows: row numbers."""
    totals = Sums(side, rows)(np.arange(len(rows), dtype=np.int32)[None], np.ones((1, len(rows))))
    return Samples(side.metrics(totals), side.class_scores(totals) if side.class_scores else {}, 1)


class Sums:
    """Sums of contributions over samples of rows.

    A column of `Contributions.cells` that is the same for all rows needs one matrix product. For the other columns, rows with
    equal contributions, of which a classifier has many, are counted as one pattern.
    """

    def __init__(self, side: Contributions, rows: np.ndarray) -> None:
        cells = np.asarray(side.cells)[rows]
        amounts = np.ones(cells.shape) if side.amounts is None else np.asarray(side.amounts, dtype=float)[rows]
        shared = (cells == cells[:1]).all(axis=0) & (cells[0] >= 0)
        self.width = side.width
        self.shared_cells, self.shared_amounts = cells[0, shared], amounts[:, shared]
        cells_and_amounts = np.column_stack([cells[:, ~shared], amounts[:, ~shared]])
        patterns, pattern_of = np.unique(cells_and_amounts, axis=0, return_inverse=True)
        self.patterns, self.pattern_of = len(patterns), pattern_of.reshape(-1).astype(np.int32)
        pattern_cells, pattern_amounts = np.split(patterns, 2, axis=1)
        pattern, column = np.nonzero(pattern_cells >= 0)
        cell = pattern_cells[pattern, column].astype(np.int64)
        order = np.argsort(cell, kind="stable")
        self.pattern, self.amount = pattern[order], pattern_amounts[pattern, column][order]
        self.cells, self.starts = np.unique(cell[order], return_index=True)

    @property
    def entries(self) -> int:
        """How many numbers the largest array of one draw holds."""
        return max(1, len(self.pattern), self.patterns, self.width)

    def __call__(self, drawn: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Sums (draws, width). drawn: (draws, rows), the drawn row numbers. counts: (draws, rows), how often each was drawn."""
        totals = np.zeros((len(drawn), self.width))
        if len(self.cells):
            of_patterns = _counts(self.pattern_of[drawn], self.patterns)
            totals[:, self.cells] = np.add.reduceat(of_patterns[:, self.pattern] * self.amount, self.starts, axis=1)
        if len(self.shared_cells):
            for cell, sums in zip(self.shared_cells, (counts @ self.shared_amounts).T, strict=True):
                totals[:, cell] += sums
        return totals


def _counts(drawn: np.ndarray, width: int) -> np.ndarray:
    """(draws, width) float64: how often each number below `width` is in each row of `drawn`."""
    places = drawn + np.arange(len(drawn), dtype=np.int64)[:, None] * width
    return np.bincount(places.reshape(-1), minlength=len(drawn) * width).reshape(len(drawn), width).astype(float)


def judge_again(
    judges: Sequence[Judge], rows: int, draws: int, seed: int, seconds: float, least: int
) -> list[Mapping[str, np.ndarray]]:
    """Metrics of each side on samples, (draws,) each, by judging every sample anew; for metrics that do not decompose.

    rows: number of rows. Draws at most `draws` samples, and after the first `least` stops when `seconds` have passed.
    """
    samples: list[list[Mapping[str, float]]] = [[] for _ in judges]
    started = perf_counter()
    random = np.random.default_rng(seed)
    for number in range(draws):
        if number >= least and perf_counter() - started > seconds:
            break
        drawn = random.integers(rows, size=rows)
        for judge, judged in zip(judges, samples, strict=True):
            judged.append(judge(drawn))
    return [_concatenate({name: np.array([value]) for name, value in m.items()} for m in side) for side in samples]


def _concatenate(parts: Iterator[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The concatenated arrays of every name that all parts have."""
    chunks = list(parts)
    names = [name for name in chunks[0] if all(name in chunk for chunk in chunks)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in names}
