"""What `Model.predict` takes: requests one after another, or in a table, whose library is never imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from framework.data.joined import Columns, of_row, parts_of
from framework.errors import InputError, some

MISSING = ("NAType", "NaTType")  # pandas' own, which equal nothing
AS_LISTS = ("to_pylist", "to_list", "tolist")  # Arrow's, pandas' and polars', numpy's


def each_request(given: Any, columns_of: Callable[[Sequence[str]], Mapping[str, Columns]]) -> Iterator[Any]:
    """Requests in order. Raises InputError at once for what is one request, or none.

    columns_of: role -> column, from the names of a table's columns.
    """
    if isinstance(given, str | Mapping):
        raise InputError(f"requests come in a list, also one alone: predict([{_short(given)}])")
    if isinstance(given, bytes | bytearray | memoryview):
        raise InputError("requests are texts in a list, no bytes: predict([content.decode()])")
    names = _column_names(given)
    if names is not None:
        return _rows(given, names, columns_of)
    values = _listed(given)
    if values is not None:
        return iter(["" if _is_missing(value) else value for value in values])
    try:
        return iter(given)
    except TypeError as error:
        raise InputError(f"requests come in a list, not as {type(given).__name__}: predict([request, ...])") from error


def _short(request: Any) -> str:
    written = repr(request)
    return written if len(written) <= 60 else "request"


def _column_names(given: Any) -> list[Any] | None:
    """Of a table; None: it is none."""
    for attribute in ("column_names", "columns"):  # Arrow's columns are no names
        names = getattr(given, attribute, None)
        if names is not None and not callable(names) and hasattr(given, "__getitem__"):
            return list(names)
    return None


def _rows(
    table: Any, names: Sequence[Any], columns_of: Callable[[Sequence[str]], Mapping[str, Columns]]
) -> Iterator[dict[str, Any]]:
    """Requests, their values as a file would have them: numbers as texts, missing ones empty."""
    by_text = {str(name): name for name in names}
    if len(by_text) < len(names):
        raise InputError(f"two columns of the table have one name: {some([str(name) for name in names])}; rename one")
    columns = columns_of(list(by_text))
    needed = list(dict.fromkeys(name for names in columns.values() for name in parts_of(names)))
    values = [_listed(table[by_text[name]]) for name in needed]
    parts = [
        values_of if values_of is not None else list(table[by_text[name]])
        for values_of, name in zip(values, needed, strict=True)
    ]
    rows = (dict(zip(needed, map(_as_in_a_file, row), strict=True)) for row in zip(*parts, strict=True))
    return ({role: of_row(row, names) for role, names in columns.items()} for row in rows)


def _listed(given: Any) -> Iterable[Any] | None:
    """The values of an array or a column, as Python's own; None: it is neither."""
    method = next((getattr(given, name) for name in AS_LISTS if hasattr(given, name)), None)
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
