"""Leaves empty rows out, and splits off a stratified, seeded share of rows in whole groups."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.contracts.data.cells import LABEL_KINDS, TEXTUAL, Cell, as_text, is_filled, texts_of
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Splits, Table, Texts
from framework.contracts.message import joined, message
from framework.data.splitting.iterative import groups_to_hold_out
from framework.errors import InputError


@dataclass(frozen=True)
class Roles:
    """What cleaning and splitting do with the columns of a table whose columns are named after their roles."""

    needed: Sequence[str]
    """Rows with a blank cell in one of these are left out."""
    texts: Sequence[str]
    """Columns by which duplicates are found."""
    balanced: str | None
    """The label column, whose labels every split has in proportion."""
    compared: Mapping[str, Callable[[Any], Sequence[str]]] = field(default_factory=dict)
    """For columns of `texts` whose cells are no texts: returns the texts by which a cell is compared."""

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Roles:
        """The roles of a task's columns: all are needed, texts but targets are compared, and the first target of categories
        or labels is balanced.
        """
        return cls(
            needed=[column.role for column in columns],
            texts=[column.role for column in columns if column.kind in TEXTUAL and not column.target],
            balanced=next((c.role for c in columns if c.target and c.kind in LABEL_KINDS), None),
            compared={column.role: texts for column in columns if (texts := texts_of(column.kind)) is not None},
        )

    def label_lists(self, table: Table) -> Sequence[Sequence[str]] | None:
        """The labels of each row, of a task that learns several a row; None for any other task."""
        if self.balanced is None or not len(table) or isinstance(table.columns[self.balanced][0], str):
            return None
        return table.lists(self.balanced)

    def targets(self, table: Table) -> list[str]:
        """For each row its label as a text, a list of labels as JSON; "" where the task has no label column."""
        return [""] * len(table) if self.balanced is None else list(map(as_text, table.columns[self.balanced]))


def without_empty(table: Table, roles: Roles) -> tuple[Table, list[str]]:
    """The table without rows in which a needed cell is blank, and a note that counts them.

    Raises InputError if no row is left.
    """
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
    """For each cell a truthy value if it holds more than spaces."""
    return map(str.strip, values) if isinstance(values, Texts) else map(is_filled, values)


def without_blank(table: Table) -> tuple[Table, list[str]]:
    """The table without rows in which every cell is blank, and a note that counts them.

    Raises InputError if no row is left.
    """
    kept = [i for i, values in enumerate(zip(*map(filled, table.columns.values()), strict=True)) if any(values)]
    if not kept:
        raise InputError(f"{table.source}: every row is empty in {' and '.join(table.columns)}")
    dropped = len(table) - len(kept)
    note = message("{rows:,} empty rows of {file} left out", rows=dropped, file=table.name)
    return (table.take(kept), [note]) if dropped else (table, [])


def split_off(table: Table, fraction: float, roles: Roles, seed: int, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (rest, part), both ascending: part is a random `fraction` of the rows, stratified by label, in whole groups.

    Every label keeps at least one row in the rest. groups: (rows,) numbers; rows of a group stay together. Raises InputError
    when nothing can be held out.
    """
    labels = roles.label_lists(table)
    if labels is not None:
        chosen = groups_to_hold_out(labels, groups, fraction, seed)
    else:
        shuffled = _shuffled_rows(table, roles, seed)
        chosen = _GroupChoice(shuffled, groups, fraction).choose(user_groups=bool(table.groups))
    part = np.flatnonzero(np.isin(groups, list(chosen)))
    if not len(part):
        few = f"{table.source}: {len(table)} usable rows are too few to hold out {fraction:.0%} of them"
        if table.groups:
            few += f" in whole groups of data.group ({len(set(table.groups)):,} of them)"
        raise InputError(f"{few}; add rows (20 for each label is a start), or give data.validation= and data.test=")
    return np.setdiff1d(np.arange(len(table)), part), part


class _GroupChoice:
    """Chooses whole groups of rows to hold out."""

    def __init__(self, shuffled: Sequence[Sequence[int]], groups: np.ndarray, fraction: float) -> None:
        """shuffled: for each label its row numbers, in random order. groups: (rows,) numbers. fraction: share to hold out."""
        self.order = [list(dict.fromkeys(groups[rows].tolist())) for rows in shuffled]
        self.counts: dict[int, Counter[int]] = defaultdict(Counter)  # group -> rows of each label
        for value, rows in enumerate(shuffled):
            for group in groups[rows].tolist():
                self.counts[group][value] += 1
        self.sizes = list(map(len, shuffled))
        self.wanted = [min(round(size * fraction), size - 1) for size in self.sizes]
        self.total = max(sum(self.wanted), round(fraction * sum(self.sizes)))
        self.held_out = [0] * len(shuffled)

    def choose(self, user_groups: bool) -> set[int]:
        """The first groups in random order that make up the fraction of every label, none of them larger than is wanted.

        Where every label has too few rows for that, the chosen groups make up the fraction of all rows. user_groups: whether
        the groups come from a column and may be large; then the chosen groups may make up more or less than the fraction.
        """
        chosen: set[int] = set()
        for value, order in enumerate(self.order):
            for group in order:
                if self.held_out[value] >= self.wanted[value]:
                    break
                if group not in chosen and self._fits(group):
                    chosen.add(self._hold_out(group))
        if not chosen or (user_groups and 2 * sum(self.held_out) < sum(self.wanted)):
            for group in self._by_size(chosen):
                fits = sum(self.held_out) + self.counts[group].total() <= self.total
                if (fits or (user_groups and not chosen)) and self._leaves_some(group):
                    chosen.add(self._hold_out(group))
        return chosen

    def _by_size(self, chosen: Set[int]) -> list[int]:
        """The groups not chosen yet, small ones first, and of equally large ones the first of every label."""
        places = {group: place for order in self.order for place, group in enumerate(order) if group not in chosen}
        return sorted(places, key=lambda group: (self.counts[group].total(), places[group], hash((group,))))

    def _hold_out(self, group: int) -> int:
        for value, count in self.counts[group].items():
            self.held_out[value] += count
        return group

    def _fits(self, group: int) -> bool:
        return all(self.held_out[value] + count <= self.wanted[value] for value, count in self.counts[group].items())

    def _leaves_some(self, group: int) -> bool:
        return all(self.held_out[value] + count < self.sizes[value] for value, count in self.counts[group].items())


def _shuffled_rows(table: Table, roles: Roles, seed: int) -> list[list[int]]:
    """For each label, sorted, its row numbers in seeded random order; one list of all rows where there are no labels."""
    rows: dict[str, list[int]] = defaultdict(list)
    for i, value in enumerate(table.texts(roles.balanced) if roles.balanced else [""] * len(table)):
        rows[value].append(i)
    shuffle = random.Random(seed)  # noqa: S311, a shuffle
    for label in sorted(rows):
        shuffle.shuffle(rows[label])
    return [rows[label] for label in sorted(rows)]


def at_most(table: Table, limit: int | None, roles: Roles, seed: int) -> Table:
    """A seeded, stratified subset of about `limit` rows that holds every label; all rows where there are no more."""
    if limit is None or len(table) <= limit:
        return table
    labels = roles.label_lists(table)
    if labels is not None:
        return table.take(_some_of_each(labels, limit, seed))
    shuffled = _shuffled_rows(table, roles, seed)
    kept = [i for rows in shuffled for i in rows[: max(1, round(len(rows) * limit / len(table)))]]
    return table.take(sorted(kept))


def _some_of_each(labels: Sequence[Sequence[str]], limit: int, seed: int) -> list[int]:
    """About `limit` row numbers, ascending, with a row of each label among them. labels: of each row."""
    chosen = groups_to_hold_out(labels, np.arange(len(labels)), limit / len(labels), seed)
    seen = {label for row in chosen for label in labels[row]}
    for row, of_row in enumerate(labels):
        if not seen.issuperset(of_row):
            chosen.add(row)
            seen.update(of_row)
    return sorted(chosen)


def fingerprint(splits: Splits) -> dict[str, str]:
    """sha256 of each split, by its name: equal fingerprints mean equal rows in equal order."""
    return {name: table.digest() for name, table in splits.named().items()}
