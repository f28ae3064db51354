"""Cells that hold several things, as files and requests write them in a text: read once, where the role is known."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Callable, Mapping
from typing import Any

from framework.contracts.cells import STRUCTURED, Cell, Kind
from framework.errors import InputError

EXAMPLES: Mapping[Kind, str] = {
    "labels": 'a label, or a list of labels, ["billing", "refund"]',
    "texts": 'a list of texts, ["EU", "rejects"]',
    "ids": 'a list of ids, ["50", "181"], or ids between spaces',
    "spans": 'a list of spans, [{"start": 0, "end": 4, "label": "person"}, ...]',
    "messages": 'a dialogue is [{"role": "user", "content": ...}, ...], [{"from": "human", "value": ...}, ...] or a list of '
    "texts in turn",
}
JSON_OF_MESSAGES = ("[{", '["', "[[", "[]", '{"', "['", "{'")  # beginnings; any other text is a transcript
PRINTED_MESSAGES = ("[{'", "{'")  # as Python prints them; a list of texts printed so would hide missing commas


def parse_cell(kind: Kind, text: str) -> Cell:
    """What a text of a file, or of a request, is in a column of this kind; None where it is blank.

    A list is written as JSON, or as Python or numpy print it. Raises InputError, which says what is expected instead.
    """
    if kind not in STRUCTURED:
        return text
    return _PARSERS[kind](text if kind == "messages" else text.strip()) if text.strip() else None


def _messages(text: str) -> Cell:
    start = "".join(text[:200].split())
    if not start.startswith(JSON_OF_MESSAGES):
        return text
    try:
        found: Cell = _json(text)
    except ValueError as error:
        if start.startswith(PRINTED_MESSAGES):
            try:
                printed: Cell = ast.literal_eval(text.strip())
                return printed
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                pass
        raise InputError(f"not JSON: {error}; {EXAMPLES['messages']}") from error
    return found


def _labels(text: str) -> list[str]:
    if text[0] not in "[({":
        return [text]
    return list(dict.fromkeys(label for item in _list("labels", text) if (label := _plain("labels", item).strip())))


def _ids(text: str) -> list[str]:
    return [_plain("ids", item) for item in _list("ids", text)] if text[0] == "[" else text.split()


def _texts(text: str) -> list[str]:
    items = _list("texts", text)
    if not all(isinstance(item, str) for item in items):
        raise _wrong("texts", items)
    return items


def _spans(text: str) -> list[Mapping[str, Any]]:
    return [_span(item) for item in _list("spans", text)]


def _span(item: Any) -> Mapping[str, Any]:
    """Numbers may be digits in quotes: the readers of files keep numbers as they are written."""
    try:
        found = {**item, "start": int(item["start"]), "end": int(item["end"]), "label": str(item["label"])}
    except (TypeError, KeyError, ValueError) as error:
        raise _wrong("spans", item) from error
    if not 0 <= found["start"] <= found["end"]:
        raise InputError(f"a span goes from {found['start']} to {found['end']}; it starts at 0 or later and ends behind that")
    return found


_PARSERS: Mapping[Kind, Callable[[str], Cell]] = {
    "labels": _labels,
    "texts": _texts,
    "ids": _ids,
    "spans": _spans,
    "messages": _messages,
}


def _list(kind: Kind, text: str) -> list[Any]:
    try:
        found = _json(text)
    except ValueError as error:
        printed = None if kind == "spans" else _printed(text)
        if printed is None:
            raise InputError(f"not JSON: {error}; expected is {EXAMPLES[kind]}") from error
        return printed
    if not isinstance(found, list):
        raise _wrong(kind, found)
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError("not JSON that can be read: far too many lists within each other") from error


def _printed(text: str) -> list[str] | None:
    """The texts and numbers of a list as Python or numpy print it, with commas or without; None for anything else."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                found.append(str(ast.literal_eval(token.string)))
            elif token.type == tokenize.NUMBER:
                found.append(token.string)
            elif token.string.strip() and token.string not in "[](){},":
                return None
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    return found


def _plain(kind: Kind, item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise _wrong(kind, item)
    return str(item)


def _wrong(kind: Kind, value: Any) -> InputError:
    return InputError(f"{json.dumps(value, ensure_ascii=False, default=str):.100} is not expected there, but {EXAMPLES[kind]}")
