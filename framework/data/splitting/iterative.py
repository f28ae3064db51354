"""Splits rows with several labels by iterative stratification (Sechidis et al. 2011), here over groups of rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np


def groups_to_hold_out(labels: Sequence[Sequence[str]], groups: np.ndarray, fraction: float, seed: int) -> set[int]:
    """Groups with about `fraction` of the rows of each label, and of all rows. Every label keeps a row outside of them.

    labels: of each row. groups: (rows,) numbers; rows of a group stay together. Empty where no group can be held out.
    """
    return _Stratification(labels, groups, fraction, seed).choose()


class _Stratification:
    """Assigns groups of rows to the held-out part or to the rest."""

    def __init__(self, labels: Sequence[Sequence[str]], groups: np.ndarray, fraction: float, seed: int) -> None:
        self.counts: dict[int, Counter[str]] = defaultdict(Counter)  # group -> rows of each label
        self.sizes: Counter[int] = Counter()
        for group, of_row in zip(groups.tolist(), labels, strict=True):
            self.counts[group].update(of_row)
            self.sizes[group] += 1
        self.totals = Counter(label for of_row in labels for label in of_row)
        self.remaining = Counter(self.totals)  # rows of each label in groups that are not assigned
        self.lacking = {label: fraction * count for label, count in self.totals.items()}  # rows that the part still lacks
        self.rest_lacking = {label: (1 - fraction) * count for label, count in self.totals.items()}
        self.rows_lacking = fraction * len(labels)
        self.held_out: Counter[str] = Counter()
        self.chosen: set[int] = set()
        self.unassigned = dict.fromkeys(sorted(self.sizes))
        self.order = list(self.unassigned)
        random.Random(seed).shuffle(self.order)  # noqa: S311, a shuffle

    def choose(self) -> set[int]:
        with_label: dict[str, list[int]] = defaultdict(list)
        for group in self.order:
            for label in self.counts[group]:
                with_label[label].append(group)
        while self.remaining:
            rarest = min(self.remaining, key=lambda label: (self.remaining[label], label))
            for group in with_label[rarest]:
                if group in self.unassigned:
                    self._assign(group, self.lacking[rarest] > self.rest_lacking[rarest])
            self.remaining.pop(rarest, None)
        self._fill(self.unassigned)  # rows without labels
        self._fill(self.order)
        return self.chosen

    def _assign(self, group: int, wanted: bool) -> None:
        """Holds the group out if that is wanted and possible."""
        del self.unassigned[group]
        for label, count in self.counts[group].items():
            self.remaining[label] -= count
        if wanted and self.rows_lacking >= self.sizes[group] / 2 and self._leaves_some(group):
            self._hold_out(group)
        else:
            for label, count in self.counts[group].items():
                self.rest_lacking[label] -= count

    def _hold_out(self, group: int) -> None:
        self.chosen.add(group)
        self.rows_lacking -= self.sizes[group]
        for label, count in self.counts[group].items():
            self.held_out[label] += count
            self.lacking[label] -= count

    def _fill(self, candidates: Iterable[int]) -> None:
        """Holds small groups out until the part has its share of all rows; one at least, however large."""
        inside = set(candidates)
        for group in sorted((one for one in self.order if one in inside - self.chosen), key=self.sizes.__getitem__):
            fits = self.rows_lacking >= self.sizes[group] / 2
            if (fits or not self.chosen) and self._leaves_some(group) and len(self.chosen) + 1 < len(self.sizes):
                self._hold_out(group)

    def _leaves_some(self, group: int) -> bool:
        return all(self.held_out[label] + count < self.totals[label] for label, count in self.counts[group].items())
