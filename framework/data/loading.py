"""From the recipe's `data:` section to splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from framework.contracts import Section, Task
from framework.data.columns import assign_roles
from framework.data.reading import read_table
from framework.data.sources import locate
from framework.data.splits import Roles, at_most, fingerprint, normal_forms, split_off, without_duplicates, without_empty
from framework.data.table import Splits, Table
from framework.errors import InputError


def load_splits(data: Any, task: Task, seed: int) -> Splits:
    """Reads, cleans and splits what the recipe names. `data` is the composed `data:` section, a `DataConfig`.

    `data.train` replaces `data.source` altogether: its files, encoding, columns and licence. A test file given by the
    user is judged whole: its rows stay, and training rows with the same text are left out.
    """
    source = data if data.train else data.source
    reader = _Reader(source, task)
    roles, notes = reader.roles, reader.notes
    train, validation, test = (reader.read(name) for name in ("train", "validation", "test"))
    assert train is not None
    seen: set[str] = set(normal_forms(test, roles) or ()) if test else set()
    if validation is not None:
        validation, seen, found = without_duplicates(validation, roles, seen)
        notes += found
    train, _, found = without_duplicates(train, roles, seen)
    notes += found
    total = len(train)
    if not total:
        raise InputError(f"{train.source}: every row stands in the validation or test file too; nothing is left to train on")
    if test is None:
        train, test = split_off(train, data.test_fraction, roles, seed)
    if validation is None:
        share = data.validation_fraction * total / len(train)
        train, validation = split_off(train, share, roles, seed + 1)
    if data.limit_rows is not None and len(train) > data.limit_rows:
        available = len(train)
        train = at_most(train, data.limit_rows, roles, seed + 2)
        notes.append(f"training on {len(train):,} of {available:,} training rows; data.limit_rows=null takes all")
    splits = Splits(train, validation, test, notes)
    about = {"source": _describe(source), "licence": _licence(source), "columns": reader.columns}
    return replace(splits, about=about | {"rows": splits.rows(), "sha256": fingerprint(splits)})


class _Reader:
    """Reads the files of one source, with their columns renamed to roles and empty rows left out."""

    def __init__(self, source: Any, task: Task) -> None:
        self.source = source
        self.task = task
        self.notes: list[str] = []
        self.columns: dict[str, str] = {}
        self.roles = Roles.of(task.columns)

    def read(self, split: str) -> Table | None:
        """The file of a split, None when the source names none."""
        address = getattr(self.source, split)
        if address is None:
            return None
        path = locate(address)
        table, encoding = read_table(path, self.source.encoding)
        if self.source.encoding is None and encoding not in ("utf-8-sig", "utf-16"):
            self.notes.append(f"{path.name} is not UTF-8 and was read as {encoding}; data.encoding= says otherwise")
        chosen = {column.role: getattr(self.source, column.role) for column in self.task.columns}
        chosen |= {role: name for role, name in self.columns.items() if name in table.columns}  # as in the training file
        found = assign_roles(table, self.task.columns, chosen)
        for role, (name, why) in found.items():
            if why != "as given":
                self.notes.append(f"{role} of {path.name} is the column {name!r} ({why}); data.{role}=COLUMN chooses another")
        self.columns = self.columns or {role: name for role, (name, _) in found.items()}
        renamed = {role: table.columns[name] for role, (name, _) in found.items()}
        table, dropped = without_empty(Table(renamed, table.lines, table.source), self.roles)
        self.notes += dropped
        return table


def read_labelled(
    address: str, task: Task, encoding: str | None, known: Mapping[str, str], given: Mapping[str, str]
) -> tuple[Table, list[str]]:
    """One labelled file as training reads it, its columns renamed to roles, and what was inferred and left out.

    known: names by role, used where the file has them. given: names by role that the file must have.
    """
    roles = {column.role: given.get(column.role) for column in task.columns}
    reader = _Reader(SimpleNamespace(test=address, encoding=encoding, **roles), task)
    reader.columns = dict(known)
    table = reader.read("test")
    assert table is not None
    return table, reader.notes


def _describe(source: Any) -> str:
    files = ", ".join(str(getattr(source, name)) for name in ("train", "validation", "test") if getattr(source, name))
    return f"{source.description} ({files})" if source.description else files


def _licence(source: Any) -> str:
    return source.licence or "not stated (data.licence= records it)"


def sections(splits: Splits) -> list[Section]:
    """What the data is and what was done to it, for people."""
    rows = [(name, f"{count:,}") for name, count in splits.rows().items()]
    about = f"source: {splits.about['source']}\nlicence: {splits.about['licence']}"
    return [Section("Data", ("split", "rows"), rows, "\n".join([about, *splits.notes]))]
