"""The paired bootstrap: two models judged on the same samples of the rows (Koehn 2004; Berg-Kirkpatrick et al. 2012)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from framework.contracts.contributions import Contributions

ELEMENTS = 1_000_000  # numbers in memory at once
Judge = Callable[[np.ndarray], Mapping[str, float]]  # metrics of rows, which are numbers and may stand there twice


@dataclass(frozen=True)
class Samples:
    """What metrics and scores of classes came out at, (draws,) each, by name."""

    metrics: Mapping[str, np.ndarray]
    classes: Mapping[str, np.ndarray]
    draws: int


def resample(sides: Sequence[Contributions], rows: np.ndarray, draws: int, seed: int) -> list[Samples]:
    """Samples of `rows` with replacement, as many rows each, the same for every side; memory does not grow with the draws."""
    sums = [Sums(side, rows) for side in sides]
    chunk = max(1, ELEMENTS // max(len(rows), *(side.entries for side in sums)))
    random = np.random.default_rng(seed)
    parts: list[list[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]]] = [[] for _ in sides]
    for start in range(0, draws, chunk):
        drawn = random.integers(len(rows), size=(min(chunk, draws - start), len(rows)), dtype=np.int32)
        counts = _counts(drawn, len(rows))
        for side, of_rows, into in zip(sides, sums, parts, strict=True):
            totals = of_rows(drawn, counts)
            into.append((side.metrics(totals), side.class_scores(totals) if side.class_scores else {}))
    return [Samples(_joined(m for m, _ in side), _joined(c for _, c in side), draws) for side in parts]


def over_all(side: Contributions, rows: np.ndarray) -> Samples:
    """The same of the rows themselves, once."""
    totals = Sums(side, rows)(np.arange(len(rows), dtype=np.int32)[None], np.ones((1, len(rows))))
    return Samples(side.metrics(totals), side.class_scores(totals) if side.class_scores else {}, 1)


class Sums:
    """Sums of drawn rows. A column of cells that all rows share is one product of matrices; in the others rows that add the
    same are counted together, which of classifiers are many.
    """

    def __init__(self, side: Contributions, rows: np.ndarray) -> None:
        cells = np.asarray(side.cells)[rows]
        amounts = np.ones(cells.shape) if side.amounts is None else np.asarray(side.amounts, dtype=float)[rows]
        shared = (cells == cells[:1]).all(axis=0) & (cells[0] >= 0)
        self.width = side.width
        self.shared_cells, self.shared_amounts = cells[0, shared], amounts[:, shared]
        both = np.column_stack([cells[:, ~shared], amounts[:, ~shared]])
        patterns, which = np.unique(both, axis=0, return_inverse=True)
        self.patterns, self.pattern_of = len(patterns), which.reshape(-1).astype(np.int32)
        each, amount = np.split(patterns, 2, axis=1)
        pattern, column = np.nonzero(each >= 0)
        cell = each[pattern, column].astype(np.int64)
        order = np.argsort(cell, kind="stable")
        self.pattern, self.amount = pattern[order], amount[pattern, column][order]
        self.cells, self.starts = np.unique(cell[order], return_index=True)

    @property
    def entries(self) -> int:
        """Numbers in memory for one draw."""
        return max(1, len(self.pattern), self.patterns, self.width)

    def __call__(self, drawn: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """(draws, width). Both are (draws, rows). drawn: which row was drawn at each place; counts: how often each row was."""
        totals = np.zeros((len(drawn), self.width))
        if len(self.cells):
            of_patterns = _counts(self.pattern_of[drawn], self.patterns)
            totals[:, self.cells] = np.add.reduceat(of_patterns[:, self.pattern] * self.amount, self.starts, axis=1)
        if len(self.shared_cells):
            for cell, sums in zip(self.shared_cells, (counts @ self.shared_amounts).T, strict=True):
                totals[:, cell] += sums
        return totals


def _counts(drawn: np.ndarray, width: int) -> np.ndarray:
    """(draws, width) float64: how often each number below `width` stands in each row of `drawn`."""
    places = drawn + np.arange(len(drawn), dtype=np.int64)[:, None] * width
    return np.bincount(places.reshape(-1), minlength=len(drawn) * width).reshape(len(drawn), width).astype(float)


def judge_again(
    judges: Sequence[Judge], rows: int, draws: int, seed: int, seconds: float, least: int
) -> list[Mapping[str, np.ndarray]]:
    """The same by judging every sample, at most `draws` times and, once there are `least`, for so many seconds."""
    samples: list[list[Mapping[str, float]]] = [[] for _ in judges]
    started = perf_counter()
    random = np.random.default_rng(seed)
    for number in range(draws):
        if number >= least and perf_counter() - started > seconds:
            break
        drawn = random.integers(rows, size=rows)
        for judge, into in zip(judges, samples, strict=True):
            into.append(judge(drawn))
    return [_joined({name: np.array([value]) for name, value in one.items()} for one in side) for side in samples]


def _joined(parts: Iterator[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """End to end, of the names that all have."""
    every = list(parts)
    return {name: np.concatenate([part[name] for part in every]) for name in every[0] if all(name in part for part in every)}
