"""A role that is made of several columns, whose texts are joined by line breaks. Must import neither torch nor pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from framework.contracts.message import message
from framework.errors import InputError

BETWEEN = "\n"  # stands between the texts of several columns

Columns = str | list[str]  # the header of the column that plays a role, or the headers of several columns


def as_columns(written: Any) -> Columns | None:
    """The columns of a role from its recipe key, which holds a name, a list of names, or None for a column to be found."""
    if written is None or isinstance(written, str | int):
        return None if written is None else str(written)
    names = [str(name) for name in written]
    return names[0] if len(names) == 1 else names


def wrong_columns(key: str, written: Any) -> str | None:
    """What is wrong with the value of a recipe key that names the column, or columns, of a role; None: nothing."""
    if isinstance(written, bool | float | Mapping):
        return f"{key}={written} must be the name of a column, or of several, [title,body]"
    if written is None or isinstance(written, str | int):
        return None
    names = list(written)
    if not names or not all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
        return f"{key}={written} must be the names of columns, [title,body]"
    if len(set(map(str, names))) < len(names):
        return f"{key}={written} names a column twice"
    return None


def joined(parts: Iterable[str]) -> str:
    """The texts joined by line breaks, without blank ones."""
    return BETWEEN.join(part for part in parts if part.strip())


def request_of(request: Any, columns: Mapping[str, Columns]) -> Any:
    """The request with each role that several columns make joined from these: ``{"title": ..., "body": ...}`` becomes
    ``{"text": ...}``.

    columns: headers by role, as in the manifest. A request without such columns is returned unchanged. Raises InputError for
    values that are no texts.
    """
    if not isinstance(request, Mapping):
        return request
    for role, names in columns.items():
        if isinstance(names, list) and role not in request and any(name in request for name in names):
            rest = {key: value for key, value in request.items() if key not in names}
            request = {role: joined(_text(request, name) for name in names), **rest}
    return request


def _text(request: Mapping[Any, Any], name: str) -> str:
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{name!r} must be a text, not {type(value).__name__}")
    return value or ""


def of_row(row: Mapping[str, str], columns: Columns) -> str:
    """The text of a role in a row of a file. row: values by header."""
    return row[columns] if isinstance(columns, str) else joined(row[name] for name in columns)


def parts_of(columns: Columns) -> list[str]:
    """The headers of a role as a list."""
    return [columns] if isinstance(columns, str) else columns


def shown(columns: Columns) -> str:
    """How a message names the column, or columns, of a role."""
    if isinstance(columns, str):
        return message("the column {column!r}", column=columns)
    return message("the columns {columns}", columns=", ".join(map(repr, columns)))
