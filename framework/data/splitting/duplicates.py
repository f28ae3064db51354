"""Finds duplicate and near-duplicate rows, and keeps them from standing in two splits.

Duplicates are rows whose texts have the same normal form; near-duplicates are those that `similar` finds.
"""

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
FEW = 8  # letters and digits beside links and prefix, below which links and prefix are the content of a text
SAMPLE = 20_000  # texts of a column that decide whether letter case and links distinguish texts, at most
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_NAME = re.compile(rf"{LINK}|@\w+")


def normal_form(text: str, prefix: Prefix | None = None, *, folds: bool = True, unlinks: bool = True) -> str:
    """The form in which texts are compared: without prefix, links as `LINK`, spacing unified, letter case folded.

    A text with fewer than `FEW` letters beside links and prefix keeps its wording; only spacing and Unicode form are unified.
    prefix: is removed; None: nothing is removed. folds: whether letter case is folded. unlinks: whether links are replaced.
    """
    text = unicodedata.normalize("NFKC", text)
    short = _LINK.sub(LINK, text) if unlinks else text
    if prefix is not None:
        short = prefix.pattern.sub("", short)
    if short != text and sum(map(str.isalnum, _NAME.sub("", short))) < FEW:
        return " ".join(text.split())
    return " ".join((short.casefold() if folds else short).split())


@dataclass(frozen=True)
class DuplicateRule:
    """When two rows of this data set count as duplicates."""

    roles: Roles
    keeps: bool = False
    """Duplicates stay, and only texts written alike count as duplicates."""
    prefix: Prefix | None = None
    """Texts that differ only in this prefix are duplicates."""
    folds: bool = True
    """Texts that differ only in letter case are duplicates."""
    unlinks: bool = True
    """Texts that differ only in their links are duplicates."""

    @classmethod
    def of(cls, tables: Sequence[Table], roles: Roles, keeps: bool, prefix: Prefix | None) -> DuplicateRule:
        """The rule for these tables: letter case, or links, distinguish texts where most of them differ in nothing else."""
        if keeps or not roles.texts or roles.compared:
            return cls(roles, keeps, prefix)
        texts = {text for table in tables for role in roles.texts for text in _sample(table.texts(role))}
        written = {normal_form(text, prefix, folds=False, unlinks=False) for text in texts}
        folded = {normal_form(text, prefix, unlinks=False) for text in texts}
        unlinked = {normal_form(text, prefix) for text in texts}
        return cls(roles, keeps, prefix, folds=2 * len(folded) >= len(written), unlinks=2 * len(unlinked) >= len(folded))

    @property
    def notes(self) -> list[str]:
        """A note where letter case or links distinguish texts."""
        letters, links = message("letter case"), message("links")
        if not self.folds and not self.unlinks:
            return [message("most texts differ only in {one} and {other}, which therefore count", one=letters, other=links)]
        distinguishing = [name for name, ignored in ((letters, self.folds), (links, self.unlinks)) if not ignored]
        return [message("most texts differ only in {what}, which therefore count", what=name) for name in distinguishing]

    def form(self, text: str) -> str:
        """The form in which a text is compared."""
        return text if self.keeps else normal_form(text, self.prefix, folds=self.folds, unlinks=self.unlinks)

    def forms(self, table: Table) -> list[str]:
        """The form of each row; rows with equal forms are duplicates. Without text columns every row has a form of its own."""
        if not self.roles.texts:
            return [f"{id(table)} {row}" for row in range(len(table))]
        return ["\x1f".join(map(self.form, texts)) for texts in zip(*_texts(table, self.roles), strict=True)]

    def views(self, tables: Sequence[Table]) -> list[list[str]]:
        """Lists of forms, each over the rows of all tables in turn; rows with equal forms in any list are duplicates.

        There are several lists where a cell is compared by several texts, such as a dialogue and its user turns.
        """
        if not self.roles.compared:
            return [[form for table in tables for form in self.forms(table)]]
        forms: list[list[str]] = []
        for table in tables:
            for values in zip(*(table.columns[role] for role in self.roles.texts), strict=True):
                views = [self._views(role, value) for role, value in zip(self.roles.texts, values, strict=True)]
                for i in range(max(map(len, views))):
                    forms += [[]] * (i == len(forms))
                    forms[i].append("\x1f".join(self.form(view[min(i, len(view) - 1)]) for view in views))
        return forms

    def _views(self, role: str, value: Any) -> Sequence[str]:
        """The texts by which a cell is compared."""
        return self.roles.compared[role](value) if role in self.roles.compared else (value,)


def _texts(table: Table, roles: Roles) -> Iterator[Iterable[Any]]:
    """The text columns by which rows are compared; cells that are no text, as JSON."""
    for role in roles.texts:
        yield map(as_text, table.columns[role]) if role in roles.compared else table.texts(role)


def _sample(texts: Sequence[str]) -> Sequence[str]:
    """At most `SAMPLE` of the texts, evenly spaced."""
    return texts[:: len(texts) // SAMPLE + 1]


def without_duplicates(table: Table, rule: DuplicateRule, seen: Set[str]) -> tuple[Table, set[str], list[str]]:
    """Leaves out rows whose form is in `seen`, and of duplicates all but the first with each target value.

    A rule with `keeps` leaves out only the rows in `seen`. Returns the table, `seen` with the forms of the remaining rows, and
    notes.
    """
    forms = rule.forms(table)
    fresh = [row for row, form in enumerate(forms) if form not in seen]
    contested = _contested(table, rule.roles, forms, fresh)
    targets = rule.roles.targets(table)
    first: dict[tuple[str, str], int] = {}
    kept = [row for row in fresh if first.setdefault((forms[row], targets[row]), row) == row or rule.keeps]
    notes: list[str] = []
    if len(fresh) > len(kept):
        notes.append(_note_on_repeated(len(fresh) - len(kept), table, rule))
    if contested:
        count = sum(forms[row] in contested for row in kept)
        notes.append(_note_on_contested(count, table, len(contested), rule))
    if len(table) > len(fresh):
        rows = len(table) - len(fresh)
        notes.append(
            message("{rows:,} rows of {file} stand in a held-out split too and were left out", rows=rows, file=table.name)
        )
    return table.take(kept), {*seen, *(forms[row] for row in kept)}, notes


def _note_on_repeated(rows: int, table: Table, rule: DuplicateRule) -> Message:
    values = {"rows": rows, "file": table.name}
    if rule.prefix is None:
        return message(
            "{rows:,} rows of {file} repeat the text of another: left out; data.duplicates=keep keeps them", **values
        )
    return message(
        "{rows:,} rows of {file} repeat the text of another ({prefix}s included): left out; data.duplicates=keep keeps them",
        **values,
        prefix=rule.prefix.name,
    )


def _note_on_contested(rows: int, table: Table, texts: int, rule: DuplicateRule) -> Message:
    values = {"rows": rows, "file": table.name, "texts": texts, "role": rule.roles.balanced}
    if rule.keeps:
        return message(
            "{rows:,} rows of {file} are {texts:,} texts whose {role} differs: all are kept, those of a text in one split",
            **values,
        )
    if rule.prefix is None:
        return message(
            "{rows:,} rows of {file} are {texts:,} texts whose {role} differs, letter case, spaces and links aside: one of "
            "each is kept, those of a text in one split",
            **values,
        )
    return message(
        "{rows:,} rows of {file} are {texts:,} texts whose {role} differs, letter case, spaces, links and a {prefix}'s prefix "
        "aside: one of each is kept, those of a text in one split",
        **values,
        prefix=rule.prefix.name,
    )


def _contested(table: Table, roles: Roles, forms: Sequence[str], rows: Sequence[int]) -> set[str]:
    """The forms that rows with different target values share. forms: of all rows. rows: numbers of the rows that count."""
    if roles.balanced is None:
        return set()
    targets = roles.targets(table)
    first: Mapping[str, str] = {forms[row]: targets[row] for row in reversed(rows)}
    return {forms[row] for row in rows if targets[row] != first[forms[row]]}


@dataclass(frozen=True)
class DisjointTables:
    """Tables of which no two share duplicates or near-duplicates."""

    tables: list[Table]
    groups: np.ndarray
    """(rows of the last table,) int64: rows with the same number are duplicates or near-duplicates of each other."""
    notes: list[str]


def without_near_duplicates(tables: Sequence[Table], rule: DuplicateRule) -> DisjointTables:
    """Leaves out of each table the rows that nearly repeat a row of an earlier table, and groups the rows of the last table."""
    if not rule.roles.texts:
        return DisjointTables(list(tables), np.arange(len(tables[-1])), [])
    starts = np.cumsum([0, *map(len, tables)])
    views = rule.views(tables)
    groups = merged(np.arange(starts[-1]) if rule.keeps else clusters(*views), *views)
    owner = np.searchsorted(starts, groups, side="right") - 1  # the table of the group's first row
    kept, notes = [], []
    for i, table in enumerate(tables):
        unique = np.flatnonzero(owner[starts[i] : starts[i + 1]] == i)
        dropped = len(table) - len(unique)
        if dropped:
            notes.append(
                message(
                    "{rows:,} rows of {file} nearly repeat a row of a held-out split and were left out",
                    rows=dropped,
                    file=table.name,
                )
            )
        kept.append(table.take(unique) if dropped else table)
    last_groups = groups[starts[-2] :][owner[starts[-2] :] == len(tables) - 1]
    return DisjointTables(kept, last_groups, notes + _notes_on_groups(last_groups, kept[-1], rule))


def _notes_on_groups(groups: np.ndarray, table: Table, rule: DuplicateRule) -> list[str]:
    """A note where groups have several rows, with how many of the groups have different labels."""
    members = defaultdict(list)
    for row, group in enumerate(groups.tolist()):
        members[group].append(row)
    several = [rows for rows in members.values() if len(rows) > 1]
    if not several:
        return []
    counts = {"rows": sum(map(len, several)), "file": table.name, "groups": len(several)}
    if rule.keeps:
        note = message("{rows:,} rows of {file} repeat another: each of their {groups:,} groups stays in one split", **counts)
    else:
        note = message(
            "{rows:,} rows of {file} nearly repeat another: each of their {groups:,} groups stays in one split", **counts
        )
    role = rule.roles.balanced
    target = rule.roles.targets(table)
    mixed = sum(len({target[row] for row in rows}) > 1 for rows in several) if role is not None else 0
    return [message("{note}; in {mixed:,} of them the {role} differs", note=note, mixed=mixed, role=role) if mixed else note]
