"""What a cell of a table holds, by the kind of its column; how cells are compared as texts, changed and hashed."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from framework.errors import InputError

Kind = Literal["text", "number", "time", "category", "labels", "texts", "spans", "messages", "ids", "id"]
"""Of a column. One text a cell, as it is written in the file: "text" is free text, "number" is written in digits, "time" is a
date or a number, "category" repeats few values, "id" names something. Several things a cell: "labels" is one label or several,
"texts" are texts in order, "ids" are ids in order, "spans" are mappings with start, end (characters) and label, and "messages"
is a dialogue, a list of its turns; until a task has shaped it, also what else a data set writes for one, such as a transcript.
"""
Cell = str | float | Sequence[str] | Sequence[Mapping[str, Any]] | Mapping[str, Any] | None
"""A value of a table, plain data that JSON can hold. None: nothing stands there, which in a column of texts is ''."""

STRUCTURED: frozenset[Kind] = frozenset({"labels", "texts", "spans", "messages", "ids"})
TEXTUAL: frozenset[Kind] = frozenset({"text", "texts", "messages"})  # whose cells are what somebody wrote


def as_text(cell: Cell) -> str:
    """A cell as a text: itself, or JSON; nothing is empty."""
    if isinstance(cell, str):
        return cell
    return "" if cell is None else json.dumps(cell, ensure_ascii=False)


def is_filled(cell: Cell) -> bool:
    """Whether a cell holds more than spaces; an empty list is something."""
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def texts_of(kind: Kind) -> Callable[[Any], Sequence[str]] | None:
    """What makes texts to compare of a cell, always as many; None where the cell is its text.

    Rows that nearly repeat each other in any of them never stand in two splits; the first is what a row is shown as. Of a
    dialogue these are what was said, and what the user said: the same questions must not stand in two splits, whatever their
    answers.
    """
    return _TEXTS.get(kind)


def _joined(texts: Sequence[str]) -> tuple[str]:
    return (" ".join(texts),)


def _said(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    said = [one for one in messages if one["role"] != "system"]
    return "\n".join(one["content"] for one in said), "\n".join(one["content"] for one in said if one["role"] == "user")


_TEXTS: Mapping[Kind, Callable[[Any], Sequence[str]]] = {"texts": _joined, "messages": _said}


def within(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every string in it, however deep, changed; keys of mappings stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: within(inner, change) for key, inner in value.items()}
    return [within(inner, change) for inner in value] if isinstance(value, Sequence) else value


def canonical(cell: Any) -> str:
    """JSON that is equal for equal cells: keys in order, 1 for 1.0."""
    return json.dumps(_ordered(cell), ensure_ascii=False, separators=(",", ":"))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _ordered(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_ordered(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


EXAMPLES: Mapping[Kind, str] = {
    "labels": 'a label, or a list of labels, ["billing", "refund"]',
    "texts": 'a list of texts, ["EU", "rejects"]',
    "ids": 'a list of ids, ["50", "181"], or ids between spaces',
    "spans": 'a list of spans, [{"start": 0, "end": 4, "label": "person"}, ...]',
    "messages": 'a dialogue is [{"role": "user", "content": ...}, ...], [{"from": "human", "value": ...}, ...] or a list of '
    "texts in turn",
}
JSON_OF_MESSAGES = ("[{", '["', "[[", "[]", '{"', "['", "{'")  # beginnings; any other text is a transcript
_QUOTED = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_ITEM = rf"(?:{_QUOTED}|-?\d+(?![\w.]))"
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
    found = labels_of(text)
    if found is None and text[0] == "[":
        raise InputError(f"{text:.100} is no list that can be read, but expected is {EXAMPLES['labels']}")
    return [text] if found is None else found


def labels_of(text: str) -> list[str] | None:
    """The different labels of a list, whatever else they are as texts; None for what is no list, such as a name alone."""
    text = text.strip()
    if not text.startswith(("[", "(", "{")):
        return None
    try:
        items = _json(text)
    except ValueError:
        items = _printed(text)
    except InputError:
        return None
    if not isinstance(items, list) or any(isinstance(item, list | dict) for item in items):
        return None
    return list(dict.fromkeys(label for item in items if item is not None and (label := str(item).strip())))


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
    """The texts and whole numbers of a list as Python or numpy print it, with commas or without; None for anything else.

    Only texts make a list of what stands in other brackets than square ones: (5) is a name.
    """
    inner = text[1:-1].strip()
    if (text[0], text[-1]) not in (("[", "]"), ("(", ")"), ("{", "}")) or not (inner or text[0] == "["):
        return None
    item = _ITEM if text[0] == "[" else _QUOTED
    if not re.fullmatch(rf"(?:{item}\s*(?:,\s*|(?=\S)|$))*", inner):
        return None
    return [one if one[0] not in "'\"" else str(ast.literal_eval(one)) for one in re.findall(item, inner)]


def _plain(kind: Kind, item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise _wrong(kind, item)
    return str(item)


def _wrong(kind: Kind, value: Any) -> InputError:
    return InputError(f"{json.dumps(value, ensure_ascii=False, default=str):.100} is not expected there, but {EXAMPLES[kind]}")
