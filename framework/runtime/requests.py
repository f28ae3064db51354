"""Reads requests from the argument of `Model.predict`: an iterable, or a table. Imports no library of tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from framework.data.joined import Columns, of_row, parts_of
from framework.errors import InputError, some

MISSING = ("NAType", "NaTType")  # names of the types of pandas' missing values, which are not equal to themselves
AS_LISTS = ("to_pylist", "to_list", "tolist")  # methods that return a list: of Arrow, of pandas and polars, of numpy


def each_request(source: Any, columns_of: Callable[[Sequence[str]], Mapping[str, Columns]]) -> Iterator[Any]:
    """The requests in `source`, in order. Raises InputError at once where `source` is a single request or no iterable.

    columns_of: called with the column names of a table; returns role -> the column name, or names.
    """
    if isinstance(source, str | Mapping):
        raise InputError(f"requests come in a list, also one alone: predict([{_short(source)}])")
    if isinstance(source, bytes | bytearray | memoryview):
        raise InputError("requests are texts in a list, no bytes: predict([content.decode()])")
    names = _column_names(source)
    if names is not None:
        return _rows(source, names, columns_of)
    values = _array_values(source)
    if values is not None:
        return iter(["" if _is_missing(value) else value for value in values])
    try:
        return iter(source)
    except TypeError as error:
        raise InputError(f"requests come in a list, not as {type(source).__name__}: predict([request, ...])") from error


def _short(request: Any) -> str:
    written = repr(request)
    return written if len(written) <= 60 else "request"


def _column_names(source: Any) -> list[Any] | None:
    """The column names of a table; None where `source` is no table."""
    for attribute in ("column_names", "columns"):  # Arrow's `columns` holds arrays
        names = getattr(source, attribute, None)
        if names is not None and not callable(names) and hasattr(source, "__getitem__"):
            return list(names)
    return None


def _rows(
    table: Any, names: Sequence[Any], columns_of: Callable[[Sequence[str]], Mapping[str, Columns]]
) -> Iterator[dict[str, Any]]:
    """The rows of a table as requests, with values as in a file: numbers as texts, missing values as empty texts.

    names: all column names of the table. Raises InputError where two names are equal as texts.
    """
    by_text = {str(name): name for name in names}
    if len(by_text) < len(names):
        raise InputError(f"two columns of the table have one name: {some([str(name) for name in names])}; rename one")
    columns = columns_of(list(by_text))
    needed = list(dict.fromkeys(name for names in columns.values() for name in parts_of(names)))
    values = [_column_values(table[by_text[name]]) for name in needed]
    rows = (dict(zip(needed, map(_as_in_a_file, row), strict=True)) for row in zip(*values, strict=True))
    return ({role: of_row(row, names) for role, names in columns.items()} for row in rows)


def _column_values(column: Any) -> Iterable[Any]:
    values = _array_values(column)
    return list(column) if values is None else values


def _array_values(source: Any) -> Iterable[Any] | None:
    """The values of an array or a column as Python objects; None where `source` is neither."""
    method = next((getattr(source, name) for name in AS_LISTS if hasattr(source, name)), None)
    values = method() if method is not None else None
    return values if isinstance(values, list) else None


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in MISSING or (isinstance(value, float) and value != value)


def _as_in_a_file(value: Any) -> Any:
    if _is_missing(value):
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value
