"""Columns that describe items and users: values to filter by, and attributes as small integers. No torch."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from framework import numbers

MOST_FILTERED = 200  # values of a column above which it is none to filter by
MOST_VALUES = 40  # values of an attribute
RANGES = 8  # of an attribute that is a number with many values
SEPARATORS = ("|", ";", ", ", ",", " ")


@dataclass(frozen=True)
class Field:
    """An attribute of users. values: as requests write them. edges: of a number, between the ranges that are its values."""

    name: str
    values: Sequence[str]
    edges: Sequence[float] = ()

    def number(self, value: str) -> int:
        """1 for the first value; 0 for an unknown one."""
        if self.edges:
            try:
                return bisect_right(self.edges, float(value)) + 1
            except ValueError:
                return 0
        return self.values.index(value) + 1 if value in self.values else 0

    def plain(self) -> dict[str, Any]:
        return {"name": self.name, "values": list(self.values), "edges": list(self.edges)}


def field_of(name: str, values: Sequence[str]) -> Field | None:
    """None for a column with too many values to be an attribute, or with one."""
    counts = Counter(value for value in values if value.strip())
    if 2 <= len(counts) <= MOST_VALUES:
        return Field(name, sorted(counts))
    found, wrong = numbers(values)
    if len(counts) < 2 or len(wrong) > len(values) - sum(counts.values()) or len(set(map(len, counts))) == 1:
        return None  # one value; texts; codes of one length, such as postal codes
    edges = np.unique(np.nanquantile(found, np.linspace(0, 1, RANGES + 1)[1:-1])).tolist()
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges))]
    return Field(name, [*names, f"{edges[-1]:g} and more"], edges)


def postings(values: Sequence[str]) -> dict[str, list[int]] | None:
    """Value -> the places that have it, where a column repeats few values, or lists of few; None where it does not."""
    filled = [value.strip() for value in values]
    whole = {value for value in filled if value}
    for separator in (None, *SEPARATORS):
        if separator is not None and not any(separator in value for value in whole):
            continue
        parts = [_parts(value, separator) for value in filled]
        few = {part for found in parts for part in found}
        if 2 <= len(few) <= MOST_FILTERED and (separator is None or len(few) <= len(whole) / 2):
            if separator is None and any(_shorter(whole, other) for other in SEPARATORS):
                continue
            return _inverted(parts)
    return None


def _shorter(whole: Iterable[str], separator: str) -> bool:
    """Whether values are lists: taken apart there are far fewer."""
    values = list(whole)
    parts = {part for value in values for part in _parts(value, separator)}
    return any(separator in value for value in values) and len(parts) <= len(values) / 2


def _parts(value: str, separator: str | None) -> list[str]:
    parts = [value] if separator is None else value.split(separator)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _inverted(parts: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place, own in enumerate(parts):
        for part in own:
            found.setdefault(part, []).append(place)
    return dict(sorted(found.items()))


def fields_of(columns: Mapping[str, Sequence[str]], chosen: Sequence[str] | None) -> list[Field]:
    """Those chosen, or every column that can be one."""
    return [field for name, values in columns.items() if chosen is None or name in chosen if (field := field_of(name, values))]


def encoded(fields: Sequence[Field], rows: Sequence[Mapping[str, str]]) -> np.ndarray:
    """(rows, fields) int64: the number of each value, which go on from field to field; 0 unknown. At least one column."""
    found = np.zeros((len(rows), max(1, len(fields))), dtype=np.int64)
    first = 0
    for column, field in enumerate(fields):
        known = [field.number(row.get(field.name, "")) for row in rows]
        found[:, column] = [number and number + first for number in known]
        first += len(field.values)
    return found
