"""Columns that describe items and users: filter values of items, and attributes of users as small integers. No torch."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from framework import numbers

MOST_FILTERED = 200  # distinct values of a filter column, at most
MOST_VALUES = 40  # distinct values of an attribute, at most, unless they are numbers
RANGES = 8  # ranges that the values of a numeric attribute are divided into
SEPARATORS = ("|", ";", ", ", ",", " ")  # between the values of a cell that holds a list


@dataclass(frozen=True)
class Field:
    """An attribute of users."""

    name: str
    values: Sequence[str]
    """The values as requests write them; of a numeric attribute the names of its ranges."""
    edges: Sequence[float] = ()
    """Boundaries between the ranges of a numeric attribute."""

    def number(self, value: str) -> int:
        """The number of a value: 1 for the first, 0 for an unknown value."""
        if self.edges:
            try:
                return bisect_right(self.edges, float(value)) + 1
            except ValueError:
                return 0
        return self.values.index(value) + 1 if value in self.values else 0

    def plain(self) -> dict[str, Any]:
        """The field as JSON data."""
        return {"name": self.name, "values": list(self.values), "edges": list(self.edges)}


def field_of(name: str, values: Sequence[str]) -> Field | None:
    """The attribute of a column; None for a column with one distinct value, and for one with more than `MOST_VALUES` that are
    not all numbers, or all have the same length, such as postal codes.

    values: a cell for each row.
    """
    counts = Counter(value for value in values if value.strip())
    if 2 <= len(counts) <= MOST_VALUES:
        return Field(name, sorted(counts))
    parsed, wrong = numbers(values)
    if len(counts) < 2 or len(wrong) > len(values) - sum(counts.values()) or len(set(map(len, counts))) == 1:
        return None  # a single value, or texts, or codes of equal length such as postal codes
    edges = np.unique(np.nanquantile(parsed, np.linspace(0, 1, RANGES + 1)[1:-1])).tolist()
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges))]
    return Field(name, [*names, f"{edges[-1]:g} and more"], edges)


def postings(values: Sequence[str]) -> dict[str, list[int]] | None:
    """Value -> the rows that have it, for a column to filter by; None for a column with too many distinct values.

    A cell is one value, or a list of values where splitting at a separator leaves far fewer distinct ones.
    """
    cells = [value.strip() for value in values]
    distinct = {cell for cell in cells if cell}
    for separator in (None, *SEPARATORS):
        if separator is not None and not any(separator in cell for cell in distinct):
            continue
        lists = [_parts(cell, separator) for cell in cells]
        parts = {part for row in lists for part in row}
        if 2 <= len(parts) <= MOST_FILTERED and (separator is None or len(parts) <= len(distinct) / 2):
            if separator is None and any(_are_lists(distinct, other) for other in SEPARATORS):
                continue
            return _inverted(lists)
    return None


def _are_lists(cells: Collection[str], separator: str) -> bool:
    """Whether splitting distinct cells at the separator leaves at most half as many distinct values."""
    parts = {part for cell in cells for part in _parts(cell, separator)}
    return any(separator in cell for cell in cells) and len(parts) <= len(cells) / 2


def _parts(cell: str, separator: str | None) -> list[str]:
    """The distinct values of a cell, in order. separator: None: the cell is one value."""
    parts = [cell] if separator is None else cell.split(separator)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _inverted(lists: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Value -> rows, sorted by value. lists: the values of each row."""
    rows_of: dict[str, list[int]] = {}
    for row, values in enumerate(lists):
        for value in values:
            rows_of.setdefault(value, []).append(row)
    return dict(sorted(rows_of.items()))


def fields_of(columns: Mapping[str, Sequence[str]], chosen: Sequence[str] | None) -> list[Field]:
    """The attributes among the columns: the chosen ones, or all that can be attributes. columns: name -> values."""
    return [field for name, values in columns.items() if chosen is None or name in chosen if (field := field_of(name, values))]


def encoded(fields: Sequence[Field], rows: Sequence[Mapping[str, str]]) -> np.ndarray:
    """(rows, fields) int64 value numbers, 0 for unknown values; a column of zeros where there are no fields.

    Numbers continue from field to field, so that each value of each field has its own.
    """
    encoding = np.zeros((len(rows), max(1, len(fields))), dtype=np.int64)
    offset = 0
    for column, field in enumerate(fields):
        numbered = [field.number(row.get(field.name, "")) for row in rows]
        encoding[:, column] = [number and number + offset for number in numbered]
        offset += len(field.values)
    return encoding
