"""Cleans rows and splits them so that no text, nor one that nearly repeats it, stands in two splits."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from framework.data.needs import Column
from framework.data.similar import clusters
from framework.data.table import Splits, Table
from framework.errors import InputError
from framework.plugins import resolve

_RETWEET = re.compile(r"""^\W*?((rt\s+@\w+\W*)|(["“]?@\w+:\s))+""", re.IGNORECASE)
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)


def normal_form(text: str) -> str:
    """Texts with the same normal form count as one: letter case, spacing, links, a retweet's prefix do not matter."""
    text = unicodedata.normalize("NFKC", text)
    text = _RETWEET.sub("", _LINK.sub("<link>", text))
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Roles:
    """needed: columns without which a row says nothing. texts: those that decide whether two rows are the same.

    balanced: the column whose values every split has in proportion.
    compared: for columns of `texts` that hold no plain texts, what makes texts of a value.
    """

    needed: Sequence[str]
    texts: Sequence[str]
    balanced: str | None
    compared: Mapping[str, Callable[[str], Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Roles:
        return cls(
            needed=[column.role for column in columns],
            texts=[column.role for column in columns if column.kind == "text" and not column.target],
            balanced=next((c.role for c in columns if c.target and c.kind == "category"), None),
            compared={column.role: resolve(column.compared) for column in columns if column.compared},
        )


def without_empty(table: Table, roles: Roles) -> tuple[Table, list[str]]:
    """Drops rows in which a needed value is blank; says how many."""
    needed = zip(*(table.columns[name] for name in roles.needed), strict=True)
    kept = [i for i, values in enumerate(needed) if all(map(str.strip, values))]
    dropped = len(table) - len(kept)
    if not kept:
        raise InputError(f"{table.source}: every row is empty in one of the columns {', '.join(roles.needed)}")
    notes = [f"{dropped:,} rows of {table.name} without {' or '.join(roles.needed)} left out"] if dropped else []
    return table.take(kept), notes


def without_blank(table: Table) -> tuple[Table, list[str]]:
    """Drops rows in which every value is blank; says how many."""
    kept = [i for i, values in enumerate(zip(*table.columns.values(), strict=True)) if any(map(str.strip, values))]
    if not kept:
        raise InputError(f"{table.source}: every row is empty in {' and '.join(table.columns)}")
    dropped = len(table) - len(kept)
    return (table.take(kept), [f"{dropped:,} empty rows of {table.name} left out"]) if dropped else (table, [])


def without_duplicates(table: Table, roles: Roles, seen: Set[str]) -> tuple[Table, set[str], list[str]]:
    """Keeps the first of rows with equal normal form, none in `seen`. Returns the rows, what is seen then, and notes."""
    forms = normal_forms(table, roles)
    if forms is None:
        return table, set(seen), []
    kept: dict[str, int] = {}
    elsewhere = 0
    for i, form in enumerate(forms):
        if form in seen:
            elsewhere += 1
        else:
            kept.setdefault(form, i)
    repeated = len(table) - elsewhere - len(kept)
    notes = []
    if repeated:
        other = _conflicts(table, roles, forms, kept)
        conflict = f", {other:,} of them although their {roles.balanced} differs" if other else ""
        notes.append(f"{repeated:,} rows of {table.name} repeat the text of another (retweets included): left out{conflict}")
    if elsewhere:
        notes.append(f"{elsewhere:,} rows of {table.name} stand in a held-out split too and were left out")
    return table.take(list(kept.values())), seen | kept.keys(), notes


def _conflicts(table: Table, roles: Roles, forms: Sequence[str], kept: Mapping[str, int]) -> int:
    """Rows whose text was kept from another row with another target."""
    if roles.balanced is None:
        return 0
    target = table.columns[roles.balanced]
    return sum(form in kept and target[kept[form]] != target[i] for i, form in enumerate(forms))


def normal_forms(table: Table, roles: Roles) -> list[str] | None:
    """The normal form of every row, or None when the task has no text to compare."""
    if not roles.texts:
        return None
    return ["\x1f".join(map(normal_form, texts)) for texts in zip(*(table.columns[t] for t in roles.texts), strict=True)]


def _compared_forms(tables: Sequence[Table], roles: Roles) -> list[list[str]]:
    """By what rows are compared: a list of their normal forms, or several where values are compared by several texts."""
    if not roles.compared:
        return [[form for table in tables for form in normal_forms(table, roles) or ()]]
    found: list[list[str]] = []
    for table in tables:
        for values in zip(*(table.columns[role] for role in roles.texts), strict=True):
            views = [roles.compared.get(role, _itself)(value) for role, value in zip(roles.texts, values, strict=True)]
            for i in range(max(map(len, views))):
                found += [[]] * (i == len(found))
                found[i].append("\x1f".join(normal_form(view[min(i, len(view) - 1)]) for view in views))
    return found


def _itself(value: str) -> Sequence[str]:
    return (value,)


@dataclass(frozen=True)
class Apart:
    """Tables of which no two hold near-duplicates of each other.

    groups: for each row of the last table the number of its group of near-duplicates.
    """

    tables: list[Table]
    groups: np.ndarray
    notes: list[str]


def without_near_duplicates(tables: Sequence[Table], roles: Roles) -> Apart:
    """Takes out of each table the rows that nearly repeat one of an earlier table; finds the groups of the last."""
    if not roles.texts:
        return Apart(list(tables), np.arange(len(tables[-1])), [])
    starts = np.cumsum([0, *map(len, tables)])
    found = clusters(*_compared_forms(tables, roles))
    owner = np.searchsorted(starts, found, side="right") - 1  # the table of the group's first row
    kept, notes = [], []
    for i, table in enumerate(tables):
        own = np.flatnonzero(owner[starts[i] : starts[i + 1]] == i)
        dropped = len(table) - len(own)
        if dropped:
            notes.append(f"{dropped:,} rows of {table.name} nearly repeat a row of a held-out split and were left out")
        kept.append(table.take(own) if dropped else table)
    groups = found[starts[-2] :][owner[starts[-2] :] == len(tables) - 1]
    return Apart(kept, groups, notes + _said_of(groups, kept[-1], roles))


def _said_of(groups: np.ndarray, table: Table, roles: Roles) -> list[str]:
    members = defaultdict(list)
    for row, group in enumerate(groups.tolist()):
        members[group].append(row)
    several = [rows for rows in members.values() if len(rows) > 1]
    if not several:
        return []
    total = sum(map(len, several))
    note = f"{total:,} rows of {table.name} nearly repeat another: each of their {len(several):,} groups stays in one split"
    if roles.balanced is not None:
        target = table.columns[roles.balanced]
        mixed = sum(len({target[row] for row in rows}) > 1 for rows in several)
        note += f"; in {mixed:,} of them the {roles.balanced} differs" if mixed else ""
    return [note]


def split_off(table: Table, fraction: float, roles: Roles, seed: int, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rest, part): row numbers; a seeded `fraction` of the rows, every target value in proportion, one row left in each.

    groups: (rows,) numbers; rows of a group stay together. Raises InputError when nothing can be held out.
    """
    part = np.sort(np.concatenate([_first_units(rows, fraction, groups) for rows in _shuffled_groups(table, roles, seed)]))
    if roles.balanced is not None:
        part = np.flatnonzero(np.isin(groups, groups[part]))  # with the rows of other targets in the same group
    if not len(part):
        raise InputError(
            f"{table.source}: {len(table)} usable rows are too few to hold out {fraction:.0%} of them; "
            "add rows (20 for each label is a start), or give data.validation= and data.test="
        )
    return np.setdiff1d(np.arange(len(table)), part), part


def _first_units(rows: Sequence[int], fraction: float, groups: np.ndarray) -> np.ndarray:
    """Of rows in random order the first groups that make up the fraction; no group that is larger than what is wanted."""
    wanted = min(round(len(rows) * fraction), len(rows) - 1)
    units: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        units[int(groups[row])].append(row)
    part: list[int] = []
    for unit in units.values():
        if len(part) + len(unit) <= wanted:
            part += unit
    return np.asarray(part, dtype=np.int64)


def _shuffled_groups(table: Table, roles: Roles, seed: int) -> list[list[int]]:
    """Row numbers by value of the balanced column, each group in seeded random order."""
    groups: dict[str, list[int]] = defaultdict(list)
    for i, value in enumerate(table.columns[roles.balanced] if roles.balanced else [""] * len(table)):
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
