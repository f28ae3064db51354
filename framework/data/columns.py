"""Finds which column of a file plays which role."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from framework.contracts.data.cells import labels_of
from framework.contracts.data.columns import Column
from framework.contracts.data.table import Table
from framework.contracts.message import message
from framework.data.labels.combinations import separator_of
from framework.errors import InputError, nearest, some

SAMPLE = 2000  # rows whose values are read to recognise a column, at most
NONE = "none"
GUESSED = ("text", "number", "category", "labels")  # kinds of columns that may be recognised by their values
MIN_TEXT = 8  # characters on average, below which a column is not taken for text
MAX_CATEGORY_SHARE = 0.5  # a category column has at most this many distinct values a row


def assign_roles(table: Table, columns: Sequence[Column], chosen: Mapping[str, str | None]) -> dict[str, tuple[str, str]]:
    """Role -> (header, why this column): the user's choice, else by the spelling of the header, else by the values.

    chosen: headers by role; "none": an optional role stays empty; None: to be found. Raises InputError that lists every missing
    role.
    """
    taken: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    left_out = {c.role for c in columns if c.optional and chosen.get(c.role) == NONE and NONE not in table.columns}
    columns = [column for column in columns if column.role not in left_out]
    for column in columns:
        name = chosen.get(column.role)
        if name is not None and name not in table.columns:
            problems.append(f"data.{column.role}={name}: {table.source} has no such column; {nearest(name, table.columns)}")
        elif name is not None:
            taken[column.role] = (name, "as given")
    for find, eligible in ((_by_name, columns), (_by_values, [column for column in columns if not column.optional])):
        for column in eligible:
            if column.role not in taken and chosen.get(column.role) is None:
                used = {name for name, _ in taken.values()}
                match = find(table, column, [name for name in table.columns if name not in used])
                if match:
                    taken[column.role] = match
    problems += [
        f"{table.source}: no usable {column.role} column among {some(list(table.columns))}; "
        f"name it with data.{column.role}=COLUMN"
        for column in columns
        if column.role not in taken and chosen.get(column.role) is None and not column.optional
    ]
    if not taken and not problems:
        problems.append(f"{none_of(table.source, columns, list(table.columns))}; name one with data.ROLE=COLUMN")
    if problems:
        raise InputError(*problems)
    return taken


def none_of(source: str, columns: Sequence[Column], header: Sequence[str]) -> str:
    """The message for a file that has none of a task's columns, all of which are optional."""
    accepted = "; ".join(f"{column.role} ({some(column.names, quoted=False, most=4)})" for column in columns)
    return f"{source}: no column of {some(header)} is one of {accepted}"


def named(table: Table, column: Column) -> bool:
    """Whether a header of the table is one of the role's spellings."""
    return _by_name(table, column, list(table.columns)) is not None


def _by_name(table: Table, column: Column, free: Sequence[str]) -> tuple[str, str] | None:
    """(header, why) of the free column whose header is one of the role's spellings; None: there is no such column.

    free: headers of the columns without a role.
    """
    spelling = {plain_name(name): name for name in reversed(free)}
    for name in column.names:
        if name in free:  # takes precedence over a header that is written differently
            return name, message("by its name")
        if plain_name(name) in spelling:
            return spelling[plain_name(name)], message("by its name")
    return None


def _by_values(table: Table, column: Column, free: Sequence[str]) -> tuple[str, str] | None:
    """(header, why) of the free column whose values fit the role: the longest texts, the only column of numbers, or the fewest
    categories; None: no column fits. free: headers of the columns without a role.
    """
    if column.kind not in GUESSED:
        return None  # ids, times and the like cannot be recognised by their values
    sample = {name: [v for v in table.texts(name)[:SAMPLE] if v.strip()] for name in free}
    sample = {name: values for name, values in sample.items() if values}
    if column.kind == "text":
        length = {name: sum(map(len, values)) / len(values) for name, values in sample.items()}
        longest = max(length, key=length.__getitem__, default=None)
        if longest is None or length[longest] < MIN_TEXT:
            return None
        return longest, message("longest texts, {characters:.0f} characters on average", characters=length[longest])
    if column.kind == "labels":
        return next(((name, why) for name, values in sample.items() if (why := _several_labels(values))), None)
    if column.kind == "number":
        numbers = [name for name, values in sample.items() if all(map(_is_number, values))]
        return (numbers[0], message("the only column of numbers")) if len(numbers) == 1 else None
    distinct = {name: len(set(values)) for name, values in sample.items()}
    fits = {n: d for n, d in distinct.items() if 2 <= d <= max(2, MAX_CATEGORY_SHARE * len(sample[n]))}
    fits = {n: d for n, d in fits.items() if d == 2 or not has_fractions(sample[n])}
    best = min(fits, key=lambda name: (has_fractions(sample[name]), fits[name]), default=None)
    if best is None:
        return None
    return best, message("{values} distinct values in {rows} rows", values=fits[best], rows=len(sample[best]))


def _several_labels(values: Sequence[str]) -> str | None:
    """Why a column has several labels a row: its values are lists, or are parted by a separator; None: it has not."""
    lists = [labels_of(value) for value in values]
    if all(labels is not None for labels in lists):
        labels = [label for labels in lists for label in labels or ()]
        repeated = len(set(labels)) <= MAX_CATEGORY_SHARE * len(labels)
        return message("lists of labels that come again") if repeated else None
    separator = separator_of(set(values))
    return message("labels with {separator!r} between them", separator=separator) if separator else None


def list_headers(columns: Sequence[Column], chosen: Mapping[str, str | Sequence[str] | None]) -> set[str]:
    """`plain_name` of each header that a column of ids or labels may have: lists in these columns are kept even where they hold
    numbers. chosen: by role, the header or headers that the user gave; None: none.
    """
    wanted = [column for column in columns if column.kind in ("ids", "labels")]
    choices = [chosen.get(column.role) or () for column in wanted]
    spellings = [name for column in wanted for name in column.names]
    spellings += [name for names in choices for name in ([names] if isinstance(names, str) else names)]
    return {plain_name(name) for name in spellings}


def has_fractions(values: Sequence[str]) -> bool:
    """Whether most values are numbers with a fraction: measurements rather than categories."""
    return sum(bool(re.fullmatch(r"[-+]?\d*\.\d+(e[-+]?\d+)?", v.strip(), re.I)) for v in values) > len(values) / 2


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def plain_name(name: str) -> str:
    """A header without letter case, spaces and punctuation: the form in which names are compared."""
    return re.sub(r"[\W_]+", "", name.casefold())
