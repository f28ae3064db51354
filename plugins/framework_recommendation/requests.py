"""Parses and checks requests to a recommender. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from framework import InputError, Request, nearest, parse_cell

KEYS = ("user", "history", "k", "exclude", "filter", "attributes")
MOST = 1_000  # items of an answer, at most
LONGEST = 10_000  # items of a history or of exclusions, at most


def parse_request(request: Any, k: int, columns: Sequence[str], fields: Sequence[str]) -> Request:
    """The request with every key of `KEYS`, and ids as texts. A request that is an id alone names a user.

    k: items of an answer by default. columns: filter columns. fields: names of attributes. Raises InputError for unknown keys,
    columns and attributes, and for values of the wrong type.
    """
    entries = {"user": request} if isinstance(request, str | int) and not isinstance(request, bool) else request
    if not isinstance(entries, Mapping):
        raise InputError(
            f'a request is a user id or an object such as {{"history": ["50", "181"], "k": 10}}, not {entries!r:.100}'
        )
    entries = {key: value for key, value in entries.items() if value not in (None, "")}
    unknown = [f"unknown key {key!r:.100}; {nearest(str(key), KEYS, 'keys')}" for key in entries if key not in KEYS]
    if unknown:
        raise InputError(*unknown[:5])
    return {
        "user": _id(entries["user"], "user") if "user" in entries else None,
        "history": _ids(entries["history"], "history") if "history" in entries else None,
        "k": _count(entries.get("k", k)),
        "exclude": _ids(entries.get("exclude", ()), "exclude"),
        "filter": _filter(entries.get("filter", {}), columns),
        "attributes": _attributes(entries.get("attributes", {}), fields),
    }


def strip_ids(request: Request) -> Request:
    """A parsed request without the spaces around its ids."""
    user, history = request["user"], request["history"]
    return {
        **request,
        "user": user and user.strip(),
        "history": history and [item.strip() for item in history],
        "exclude": [item.strip() for item in request["exclude"]],
    }


def _id(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{where}: an id is a text or a whole number, not {value!r:.100}")
    return check_text(str(value), where)


def check_text(text: str, where: str) -> str:
    """Returns the text. Raises InputError where it cannot be written as UTF-8. where: the key of the request, for the error."""
    if re.search("[\ud800-\udfff]", text):
        raise InputError(f"{where}: {text!r:.100} is not valid Unicode: it holds half of a surrogate pair")
    return text


def _ids(value: Any, where: str) -> list[str]:
    """Ids of a list, or of a text as cells of files hold them: a JSON list, or else ids separated by spaces.

    where: the key of the request, for errors. Raises InputError for anything else, and for more than `LONGEST` ids.
    """
    if isinstance(value, str):
        try:
            value = parse_cell("ids", value) or []
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    if not isinstance(value, Sequence):
        raise InputError(f'{where} is a list of item ids, such as ["50", "181"], not {value!r:.100}')
    if len(value) > LONGEST:
        raise InputError(f"{where} has {len(value):,} items where {LONGEST:,} are allowed; send the newest")
    return [_id(item, where) for item in value]


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {value:.100}") from error


def _count(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise InputError(f"k is how many items are wanted, 1 to {MOST:,}, not {value!r:.100}")
    return value


def _filter(value: Any, columns: Sequence[str]) -> dict[str, list[str]]:
    """Column -> values, of which an item must have at least one. columns: that exist. Raises InputError for anything else."""
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, Mapping):
        raise InputError(f'filter is an object from columns to values, such as {{"genres": "Comedy"}}, not {value!r:.100}')
    for column in value:
        if column not in columns:
            choices = nearest(str(column), columns, "columns") if columns else "these items have no columns to filter by"
            raise InputError(f"filter: no column {column!r:.100}; {choices}")
    values = {column: [wanted] if isinstance(wanted, str) else wanted for column, wanted in value.items()}
    for column, wanted in values.items():
        if not isinstance(wanted, Sequence) or not wanted or not all(isinstance(text, str) for text in wanted):
            raise InputError(f"filter: {column} needs a text or a list of texts, not {wanted!r:.100}")
    return {column: list(wanted) for column, wanted in values.items()}


def _attributes(value: Any, fields: Sequence[str]) -> dict[str, str]:
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, Mapping):
        raise InputError(f'attributes is an object such as {{"age": "30"}}, not {value!r:.100}')
    for name in value:
        if name not in fields:
            choices = nearest(str(name), fields, "attributes") if fields else "this model knows no attributes of users"
            raise InputError(f"attributes: no {name!r:.100}; {choices}")
    wrong = [name for name, entry in value.items() if isinstance(entry, bool) or not isinstance(entry, str | int | float)]
    if wrong:
        raise InputError(f"attributes: {wrong[0]} is a text or a number, not {value[wrong[0]]!r:.100}")
    return {str(name): str(entry) for name, entry in value.items()}
