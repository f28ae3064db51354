"""Cleans rows and splits them so that no text, nor one that nearly repeats it, stands in two splits."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.contracts.data.cells import TEXTUAL, Cell, is_filled, texts_of
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Splits, Table, Texts
from framework.contracts.message import joined, message
from framework.errors import InputError


@dataclass(frozen=True)
class Roles:
    """needed: columns without which a row says nothing. texts: those that decide whether two rows are the same.

    balanced: the column whose values every split has in proportion.
    compared: for columns of `texts` whose cells are no texts, what makes texts of a cell.
    """

    needed: Sequence[str]
    texts: Sequence[str]
    balanced: str | None
    compared: Mapping[str, Callable[[Any], Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Roles:
        return cls(
            needed=[column.role for column in columns],
            texts=[column.role for column in columns if column.kind in TEXTUAL and not column.target],
            balanced=next((c.role for c in columns if c.target and c.kind == "category"), None),
            compared={column.role: texts for column in columns if (texts := texts_of(column.kind)) is not None},
        )


def without_empty(table: Table, roles: Roles) -> tuple[Table, list[str]]:
    """Drops rows in which a needed value is blank; says how many."""
    needed = zip(*(filled(table.columns[name]) for name in roles.needed), strict=True)
    kept = [i for i, values in enumerate(needed) if all(values)]
    dropped = len(table) - len(kept)
    if not kept:
        raise InputError(f"{table.source}: every row is empty in one of the columns {', '.join(roles.needed)}")
    if not dropped:
        return table.take(kept), []
    columns = joined(roles.needed, " or ")
    note = message("{rows:,} rows of {file} without {columns} left out", rows=dropped, file=table.name, columns=columns)
    return table.take(kept), [note]


def filled(values: Sequence[Cell]) -> Iterator[object]:
    """For each row something true where a cell holds more than spaces."""
    return map(str.strip, values) if isinstance(values, Texts) else map(is_filled, values)


def without_blank(table: Table) -> tuple[Table, list[str]]:
    """Drops rows in which every value is blank; says how many."""
    kept = [i for i, values in enumerate(zip(*map(filled, table.columns.values()), strict=True)) if any(values)]
    if not kept:
        raise InputError(f"{table.source}: every row is empty in {' and '.join(table.columns)}")
    dropped = len(table) - len(kept)
    note = message("{rows:,} empty rows of {file} left out", rows=dropped, file=table.name)
    return (table.take(kept), [note]) if dropped else (table, [])


def split_off(table: Table, fraction: float, roles: Roles, seed: int, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rest, part): row numbers; a seeded `fraction` of the rows, every target value in proportion, one row left in each.

    groups: (rows,) numbers; rows of a group stay together. Raises InputError when nothing can be held out.
    """
    shuffled = _shuffled_groups(table, roles, seed)
    part = np.flatnonzero(np.isin(groups, list(_Units(shuffled, groups, fraction).chosen(whole=bool(table.groups)))))
    if not len(part):
        few = f"{table.source}: {len(table)} usable rows are too few to hold out {fraction:.0%} of them"
        if table.groups:
            few += f" in whole groups of data.group ({len(set(table.groups)):,} of them)"
        raise InputError(f"{few}; add rows (20 for each label is a start), or give data.validation= and data.test=")
    return np.setdiff1d(np.arange(len(table)), part), part


class _Units:
    """Groups of rows that are held out or not as a whole.

    shuffled: row numbers by target value, in random order.
    """

    def __init__(self, shuffled: Sequence[Sequence[int]], groups: np.ndarray, fraction: float) -> None:
        self.order = [list(dict.fromkeys(groups[rows].tolist())) for rows in shuffled]
        self.counts: dict[int, Counter[int]] = defaultdict(Counter)  # group -> rows of each target value
        for value, rows in enumerate(shuffled):
            for group in groups[rows].tolist():
                self.counts[group][value] += 1
        self.sizes = list(map(len, shuffled))
        self.wanted = [min(round(size * fraction), size - 1) for size in self.sizes]
        self.total = max(sum(self.wanted), round(fraction * sum(self.sizes)))
        self.held = [0] * len(shuffled)

    def chosen(self, whole: bool) -> set[int]:
        """The first groups, in random order, that make up the fraction of every target value; none larger than what is wanted.

        Where every target value has too few rows for that, they make up the fraction of all rows.
        whole: the groups are the user's, and may be large: where there are no smaller ones, they make up more or less.
        """
        found: set[int] = set()
        for value, order in enumerate(self.order):
            for group in order:
                if self.held[value] >= self.wanted[value]:
                    break
                if group not in found and self._fits(group):
                    found.add(self._hold(group))
        if not found or (whole and 2 * sum(self.held) < sum(self.wanted)):
            for group in self._by_size(found):
                less = sum(self.held) + self.counts[group].total() <= self.total
                if (less or (whole and not found)) and self._leaves_some(group):
                    found.add(self._hold(group))
        return found

    def _by_size(self, but: Set[int]) -> list[int]:
        """The groups that are left, small ones first, and of equal ones the first of every target value."""
        places = {group: place for order in self.order for place, group in enumerate(order) if group not in but}
        return sorted(places, key=lambda group: (self.counts[group].total(), places[group], hash((group,))))

    def _hold(self, group: int) -> int:
        for value, count in self.counts[group].items():
            self.held[value] += count
        return group

    def _fits(self, group: int) -> bool:
        return all(self.held[value] + count <= self.wanted[value] for value, count in self.counts[group].items())

    def _leaves_some(self, group: int) -> bool:
        return all(self.held[value] + count < self.sizes[value] for value, count in self.counts[group].items())


def _shuffled_groups(table: Table, roles: Roles, seed: int) -> list[list[int]]:
    """Row numbers by value of the balanced column, each group in seeded random order."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, value in enumerate(table.texts(roles.balanced) if roles.balanced else [""] * len(table)):
        groups[value].append(i)
    shuffle = random.Random(seed)  # noqa: S311, a shuffle
    for name in sorted(groups):
        shuffle.shuffle(groups[name])
    return [groups[name] for name in sorted(groups)]


def at_most(table: Table, limit: int | None, roles: Roles, seed: int) -> Table:
    """A seeded subset of about `limit` rows, every target value in proportion and none lost."""
    if limit is None or len(table) <= limit:
        return table
    groups = _shuffled_groups(table, roles, seed)
    kept = [i for rows in groups for i in rows[: max(1, round(len(rows) * limit / len(table)))]]
    return table.take(sorted(kept))


def fingerprint(splits: Splits) -> dict[str, str]:
    """sha256 of each split: equal fingerprints mean equal rows in equal order."""
    return {name: table.digest() for name, table in splits.named().items()}
