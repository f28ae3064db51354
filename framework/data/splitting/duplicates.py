"""Which rows say the same, equal but for what does not matter, or nearly so; how they are kept out of two splits."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.contracts.data.cells import as_text
from framework.contracts.data.columns import Prefix
from framework.contracts.data.table import Table
from framework.contracts.message import Message, message
from framework.data.splitting.shares import Roles
from framework.data.splitting.similar import clusters, merged

LINK = "<link>"
FEW = 8  # letters and digits beside a link or a prefix, below which these are what a text says
SAMPLE = 20_000  # rows from which it is decided what matters
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_NAME = re.compile(rf"{LINK}|@\w+")


def normal_form(text: str, prefix: Prefix | None = None, *, folds: bool = True, unlinks: bool = True) -> str:
    """Texts with the same normal form count as one: letter case, spacing, links and the prefix do not matter.

    A text that says little without its links and prefix is compared as written. folds, unlinks: whether letter case and
    links are left out.
    """
    text = unicodedata.normalize("NFKC", text)
    short = _LINK.sub(LINK, text) if unlinks else text
    if prefix is not None:
        short = prefix.pattern.sub("", short)
    if short != text and sum(map(str.isalnum, _NAME.sub("", short))) < FEW:
        return " ".join(text.split())
    return " ".join((short.casefold() if folds else short).split())


@dataclass(frozen=True)
class Comparison:
    """What makes two rows one in this data set.

    keeps: every row stays, and only texts that are written alike count as one. prefix, folds, unlinks: see `normal_form`.
    """

    roles: Roles
    keeps: bool = False
    prefix: Prefix | None = None
    folds: bool = True
    unlinks: bool = True

    @classmethod
    def of(cls, tables: Sequence[Table], roles: Roles, keeps: bool, prefix: Prefix | None) -> Comparison:
        """Letter case, or links, matter where most of the different texts differ in nothing else."""
        if keeps or not roles.texts or roles.compared:
            return cls(roles, keeps, prefix)
        texts = {text for table in tables for role in roles.texts for text in _sample(table.texts(role))}
        written = {normal_form(text, prefix, folds=False, unlinks=False) for text in texts}
        folded = {normal_form(text, prefix, unlinks=False) for text in texts}
        unlinked = {normal_form(text, prefix) for text in texts}
        return cls(roles, keeps, prefix, folds=2 * len(folded) >= len(written), unlinks=2 * len(unlinked) >= len(folded))

    @property
    def notes(self) -> list[str]:
        letters, links = message("letter case"), message("links")
        if not self.folds and not self.unlinks:
            return [message("most texts differ only in {one} and {other}, which therefore count", one=letters, other=links)]
        wheres = [what for what, matters in ((letters, not self.folds), (links, not self.unlinks)) if matters]
        return [message("most texts differ only in {what}, which therefore count", what=what) for what in wheres]

    def form(self, text: str) -> str:
        return text if self.keeps else normal_form(text, self.prefix, folds=self.folds, unlinks=self.unlinks)

    def forms(self, table: Table) -> list[str]:
        """By what each row is compared; every row by itself where the task has no text."""
        if not self.roles.texts:
            return [f"{id(table)} {row}" for row in range(len(table))]
        return ["\x1f".join(map(self.form, texts)) for texts in zip(*_texts(table, self.roles), strict=True)]

    def views(self, tables: Sequence[Table]) -> list[list[str]]:
        """The forms of all tables' rows: one list, or several where values are compared by several texts."""
        if not self.roles.compared:
            return [[form for table in tables for form in self.forms(table)]]
        found: list[list[str]] = []
        for table in tables:
            for values in zip(*(table.columns[role] for role in self.roles.texts), strict=True):
                views = [self._views(role, value) for role, value in zip(self.roles.texts, values, strict=True)]
                for i in range(max(map(len, views))):
                    found += [[]] * (i == len(found))
                    found[i].append("\x1f".join(self.form(view[min(i, len(view) - 1)]) for view in views))
        return found

    def _views(self, role: str, value: Any) -> Sequence[str]:
        return self.roles.compared[role](value) if role in self.roles.compared else (value,)


def _texts(table: Table, roles: Roles) -> Iterator[Iterable[Any]]:
    """The columns that decide whether rows are the same, as texts: what is none is JSON."""
    for role in roles.texts:
        yield map(as_text, table.columns[role]) if role in roles.compared else table.texts(role)


def _sample(texts: Sequence[str]) -> Sequence[str]:
    return texts[:: len(texts) // SAMPLE + 1]


def without_duplicates(table: Table, compare: Comparison, seen: Set[str]) -> tuple[Table, set[str], list[str]]:
    """Keeps the first of equal rows, of each target where these differ, and none in `seen`.

    Returns the rows, the forms that are seen then, and notes.
    """
    forms = compare.forms(table)
    fresh = [row for row, form in enumerate(forms) if form not in seen]
    contested = _contested(table, compare.roles, forms, fresh)
    targets = [""] * len(table) if compare.roles.balanced is None else list(table.texts(compare.roles.balanced))
    first: dict[tuple[str, str], int] = {}
    kept = [row for row in fresh if first.setdefault((forms[row], targets[row]), row) == row or compare.keeps]
    notes: list[str] = []
    if len(fresh) > len(kept):
        notes.append(_note_on_repeated(len(fresh) - len(kept), table, compare))
    if contested:
        count = sum(forms[row] in contested for row in kept)
        notes.append(_note_on_contested(count, table, len(contested), compare))
    if len(table) > len(fresh):
        rows = len(table) - len(fresh)
        notes.append(
            message("{rows:,} rows of {file} stand in a held-out split too and were left out", rows=rows, file=table.name)
        )
    return table.take(kept), {*seen, *(forms[row] for row in kept)}, notes


def _note_on_repeated(rows: int, table: Table, compare: Comparison) -> Message:
    values = {"rows": rows, "file": table.name}
    if compare.prefix is None:
        return message(
            "{rows:,} rows of {file} repeat the text of another: left out; data.duplicates=keep keeps them", **values
        )
    return message(
        "{rows:,} rows of {file} repeat the text of another ({prefix}s included): left out; data.duplicates=keep keeps them",
        **values,
        prefix=compare.prefix.name,
    )


def _note_on_contested(rows: int, table: Table, texts: int, compare: Comparison) -> Message:
    values = {"rows": rows, "file": table.name, "texts": texts, "role": compare.roles.balanced}
    if compare.keeps:
        return message(
            "{rows:,} rows of {file} are {texts:,} texts whose {role} differs: all are kept, those of a text in one split",
            **values,
        )
    if compare.prefix is None:
        return message(
            "{rows:,} rows of {file} are {texts:,} texts whose {role} differs, letter case, spaces and links aside: one of "
            "each is kept, those of a text in one split",
            **values,
        )
    return message(
        "{rows:,} rows of {file} are {texts:,} texts whose {role} differs, letter case, spaces, links and a {prefix}'s prefix "
        "aside: one of each is kept, those of a text in one split",
        **values,
        prefix=compare.prefix.name,
    )


def _contested(table: Table, roles: Roles, forms: Sequence[str], rows: Sequence[int]) -> set[str]:
    """Forms of rows with different targets."""
    if roles.balanced is None:
        return set()
    targets = table.texts(roles.balanced)
    targets = list(targets)
    first: Mapping[str, str] = {forms[row]: targets[row] for row in reversed(rows)}
    return {forms[row] for row in rows if targets[row] != first[forms[row]]}


@dataclass(frozen=True)
class Apart:
    """Tables of which no two hold duplicates or near-duplicates of each other.

    groups: for each row of the last table the number of its group of them.
    """

    tables: list[Table]
    groups: np.ndarray
    notes: list[str]


def without_near_duplicates(tables: Sequence[Table], compare: Comparison) -> Apart:
    """Takes out of each table the rows that nearly repeat one of an earlier table; finds the groups of the last."""
    if not compare.roles.texts:
        return Apart(list(tables), np.arange(len(tables[-1])), [])
    starts = np.cumsum([0, *map(len, tables)])
    views = compare.views(tables)
    found = merged(np.arange(starts[-1]) if compare.keeps else clusters(*views), *views)
    owner = np.searchsorted(starts, found, side="right") - 1  # the table of the group's first row
    kept, notes = [], []
    for i, table in enumerate(tables):
        own = np.flatnonzero(owner[starts[i] : starts[i + 1]] == i)
        dropped = len(table) - len(own)
        if dropped:
            notes.append(
                message(
                    "{rows:,} rows of {file} nearly repeat a row of a held-out split and were left out",
                    rows=dropped,
                    file=table.name,
                )
            )
        kept.append(table.take(own) if dropped else table)
    groups = found[starts[-2] :][owner[starts[-2] :] == len(tables) - 1]
    return Apart(kept, groups, notes + _notes_on(groups, kept[-1], compare))


def _notes_on(groups: np.ndarray, table: Table, compare: Comparison) -> list[str]:
    members = defaultdict(list)
    for row, group in enumerate(groups.tolist()):
        members[group].append(row)
    several = [rows for rows in members.values() if len(rows) > 1]
    if not several:
        return []
    counts = {"rows": sum(map(len, several)), "file": table.name, "groups": len(several)}
    if compare.keeps:
        note = message("{rows:,} rows of {file} repeat another: each of their {groups:,} groups stays in one split", **counts)
    else:
        note = message(
            "{rows:,} rows of {file} nearly repeat another: each of their {groups:,} groups stays in one split", **counts
        )
    role = compare.roles.balanced
    target = table.texts(role) if role is not None else ()
    mixed = sum(len({target[row] for row in rows}) > 1 for rows in several) if role is not None else 0
    return [message("{note}; in {mixed:,} of them the {role} differs", note=note, mixed=mixed, role=role) if mixed else note]
