"""Finds the column, or columns, of a split's files that play each role of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from framework.contracts.data.cells import LABEL_KINDS, Cell
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Table, Texts
from framework.contracts.message import Message, listed, message
from framework.data.columns import assign_roles, named, none_of
from framework.data.formats.reading import Read
from framework.data.joined import BETWEEN, Columns, joined, parts_of
from framework.data.labels.classes import check_header
from framework.data.labels.combinations import combined, explain_indicators, from_indicators, indicators
from framework.data.typed import typed
from framework.errors import InputError, nearest
from framework.plugins import load_plugins

GIVEN = ("as given", "by its name")  # reasons for a column that was not guessed by its values


def find_roles(
    read: Read,
    wanted: Sequence[Column],
    chosen: Mapping[str, Columns | None],
    group: str | None,
    say: Callable[[str], None],
    *,
    combines: bool,
    recipes: Sequence[str] = (),
) -> dict[str, Columns]:
    """Role -> column or columns, the same in each file. Raises InputError that lists everything missing.

    chosen: headers by role; "none": an optional role stays empty; None: to be found. group: header of the group column, which
    has no role; None: there is no such column. say: takes a note on each column that the user did not choose. combines: whether
    columns of 0 and 1 together make the labels where no column holds labels; otherwise such columns are an error.
    recipes: those that learn several labels a row, for that error.
    """
    table = read.table
    several: dict[str, Columns] = {role: names for role, names in chosen.items() if isinstance(names, list)}
    several |= _lists_of_indicators(table, wanted, chosen, group, say)
    missing = [
        f"data.{role}: {table.source} has no column {name!r}; {nearest(name, table.columns)}"
        for role, names in several.items()
        for name in parts_of(names)
        if name not in table.columns
    ]
    if missing:
        raise InputError(*missing)
    taken = {name for names in several.values() for name in parts_of(names)}
    free = {name: values for name, values in table.columns.items() if name not in taken or name in chosen.values()}
    columns = [column for column in wanted if column.role not in several]
    single = {role: names for role, names in chosen.items() if not isinstance(names, list)}
    assigned = assign_roles(replace(table, columns=free), columns, single) if columns else {}
    names: dict[str, Columns] = {role: name for role, (name, _) in assigned.items()} | several
    guessed = [role for role, (_, why) in assigned.items() if why not in GIVEN]
    names |= _of_indicators(table, wanted, guessed, names, taken | {group or ""}, say, combines=combines, recipes=recipes)
    for role, (name, why) in assigned.items():
        if names[role] == name and why != GIVEN[0]:
            say(chosen_as(role, table, name, why))
    _check_files(read, wanted, names)
    return names


def chosen_as(role: str, table: Table, name: str, why: str) -> Message:
    """The note that a column was taken for a role, with the reason."""
    return message(
        "{role} of {file} is the column {column!r} ({why}); data.{role}=COLUMN chooses another",
        role=role,
        file=table.name,
        column=name,
        why=why,
    )


def _of_indicators(
    table: Table,
    columns: Sequence[Column],
    guessed: Sequence[str],
    names: Mapping[str, Columns],
    taken: set[str],
    say: Callable[[str], None],
    *,
    combines: bool,
    recipes: Sequence[str],
) -> dict[str, Columns]:
    """Label role -> all indicator columns, where the label was guessed to be one of several columns of 0 and 1; else nothing.

    guessed: roles whose column was chosen by its values. names: headers by role. taken: headers of columns that hold no labels.
    Raises InputError for several columns of 0 and 1 where not each row has exactly one 1, unless `combines`.
    """
    for column in columns:
        if column.target and column.kind == "category" and column.role in guessed:
            others = taken | {part for role, parts in names.items() if role != column.role for part in parts_of(parts)}
            columns_of_labels = indicators(table, others)
            if len(columns_of_labels) > 1 and names[column.role] in columns_of_labels:
                if not combines and set(map(len, from_indicators(table, columns_of_labels))) != {1}:
                    raise InputError(explain_indicators(table, columns_of_labels, column.role, recipes))
                say(
                    message(
                        "{role} of {file} is told by the columns of 0 and 1, {columns}; data.{role}=COLUMN chooses another",
                        role=column.role,
                        file=table.name,
                        columns=listed(columns_of_labels),
                    )
                )
                return {column.role: columns_of_labels}
    return {}


def _lists_of_indicators(
    table: Table,
    columns: Sequence[Column],
    chosen: Mapping[str, Columns | None],
    group: str | None,
    say: Callable[[str], None],
) -> dict[str, Columns]:
    """Role -> all indicator columns, for a target of kind "labels" that no column's header names; else nothing."""
    for column in columns:
        if not column.target or column.kind != "labels" or chosen.get(column.role) is not None or named(table, column):
            continue
        used = {part for names in chosen.values() if names is not None for part in parts_of(names)} | {group or ""}
        marks = indicators(table, used)
        if len(marks) > 1:
            say(
                message(
                    "{role} of {file} are the columns of 0 and 1, {columns}; data.{role}=[...] chooses others",
                    role=column.role,
                    file=table.name,
                    columns=listed(marks),
                )
            )
            return {column.role: marks}
    return {}


def _check_files(read: Read, wanted: Sequence[Column], names: Mapping[str, Columns]) -> None:
    """Raises InputError for files that lack a column of the first one, and for a first line that is a row, not a header."""
    optional = {column.role: column.optional for column in wanted}
    wanted_names = [(name, optional[role]) for role, parts in names.items() for name in parts_of(parts)]
    problems = [
        f"{file}: no column {name!r} as in {read.files[0].name}; {nearest(name, columns, 'its columns')}"
        for file, columns in zip(read.files, read.columns, strict=True)
        for name, may_lack in wanted_names
        if columns and name not in columns and not may_lack
    ]
    problems += [
        none_of(str(file), wanted, sorted(columns))
        for file, columns in zip(read.files, read.columns, strict=True)
        if columns and all(name not in columns for name, _ in wanted_names)
    ] * (not problems)
    if problems:
        raise InputError(*problems)
    if read.formats[0].headed:
        categories = [(c.role, name) for c in wanted if c.kind in LABEL_KINDS and isinstance(name := names.get(c.role), str)]
        check_header(read.table, categories, str(read.files[0]))


def values_of(table: Table, column: Column, names: Columns) -> Sequence[str]:
    """The values of a role, one a row: its column; several text columns joined by line breaks; or, of several indicator
    columns, the names of those that hold a 1.
    """
    if isinstance(names, str):
        return table.texts(names)
    if column.kind == "category":
        return combined(from_indicators(table, names))
    parts = [table.texts(name) for name in names]
    if all(isinstance(part, Texts) for part in parts):
        return _joined_in_arrow(parts)  # type: ignore[arg-type]
    return [joined(values) for values in zip(*parts, strict=True)]


def _joined_in_arrow(parts: Sequence[Texts]) -> Texts:
    """What `joined` makes of each row, computed in Arrow without a Python text for each row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = []
    for arrays in zip(*(part.arrow()[0] for part in parts), strict=True):
        blank = pa.scalar(None, pa.large_string())
        filled = [pc.if_else(pc.equal(pc.utf8_trim_whitespace(array), ""), blank, array) for array in arrays]
        chunks.append(pc.binary_join_element_wise(*filled, pa.scalar(BETWEEN, pa.large_string()), null_handling="skip"))
    return Texts(chunks)


def cells_of(table: Table, column: Column, names: Columns) -> Sequence[Cell]:
    """The cells of a role, from its column or columns."""
    if column.kind == "labels" and not isinstance(names, str):
        return from_indicators(table, names)
    return typed(table, column, values_of(table, column, names))


def recipes_of_several_labels() -> list[str]:
    """The recipes of the tasks that learn several labels a row."""
    return [
        task.recipe
        for task in load_plugins().every_task()
        if task.recipe is not None and any(column.target and column.kind == "labels" for column in task.every_column)
    ]
