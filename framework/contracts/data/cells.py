"""Cells of tables: the kinds of columns, parsing a cell from text, and cells as texts to compare."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from framework.errors import InputError

Kind = Literal["text", "number", "time", "category", "labels", "texts", "spans", "messages", "ids", "id"]
"""The kind of a column. In these a cell is one text, as the file has it: "text" is free text, "number" is written in digits,
"time" is a date or a number, "category" repeats few values, "id" names something. In these a cell is a list: "labels" has one
label or several, "texts" texts in order, "ids" ids in order, "spans" mappings with start, end (characters) and label, and
"messages" the turns of a dialogue, or, until a task has shaped it, another form of a dialogue, such as a transcript.
"""
Cell = str | float | Sequence[str] | Sequence[Mapping[str, Any]] | Mapping[str, Any] | None
"""A value of a table: plain data that JSON can hold. An empty cell is None, in a column of texts ''."""

STRUCTURED: frozenset[Kind] = frozenset({"labels", "texts", "spans", "messages", "ids"})
LABEL_KINDS: frozenset[Kind] = frozenset({"category", "labels"})  # of a row one label, or any number of them
TEXTUAL: frozenset[Kind] = frozenset({"text", "texts", "messages"})  # kinds of natural language


def as_text(cell: Cell) -> str:
    """A cell as a text: a text unchanged, None as "", anything else as JSON."""
    if isinstance(cell, str):
        return cell
    return "" if cell is None else json.dumps(cell, ensure_ascii=False)


def is_filled(cell: Cell) -> bool:
    """Whether a cell is neither None nor a blank text; an empty list counts as filled."""
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def texts_of(kind: Kind) -> Callable[[Any], Sequence[str]] | None:
    """A function from a cell to the texts that rows are compared by, always the same number; None where the cell is the text.

    Rows of which any of these texts is nearly the same stay in one split; the first text represents the row where it is shown.
    A dialogue has two: all turns, and the user's turns, because the same questions must not be in two splits, whatever the
    answers.
    """
    return _TEXTS.get(kind)


def _join(texts: Sequence[str]) -> tuple[str]:
    return (" ".join(texts),)


def _turns(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """All turns but those of the system, and the user's turns."""
    turns = [message for message in messages if message["role"] != "system"]
    asked = [turn["content"] for turn in turns if turn["role"] == "user"]
    return "\n".join(turn["content"] for turn in turns), "\n".join(asked)


_TEXTS: Mapping[Kind, Callable[[Any], Sequence[str]]] = {"texts": _join, "messages": _turns}


def labels_in(cell: Any) -> Sequence[str]:
    """The labels of a row, from a cell of a column of categories, which is one label, or of labels."""
    return (cell,) if isinstance(cell, str) else cell


def within(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of plain data in which `change` is applied to every string, at any depth; keys of mappings stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: within(inner, change) for key, inner in value.items()}
    return [within(inner, change) for inner in value] if isinstance(value, Sequence) else value


def canonical(cell: Any) -> str:
    """JSON that is the same for equal cells: keys sorted, 1.0 written as 1."""
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
JSON_OF_MESSAGES = ("[{", '["', "[[", "[]", '{"', "['", "{'")  # first characters of JSON; any other text is a transcript
_QUOTED = r"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_ITEM = rf"(?:{_QUOTED}|-?\d+(?![\w.]))"
PRINTED_MESSAGES = ("[{'", "{'")  # printed by Python; not "['", where two texts without a comma would become one


def parse_cell(kind: Kind, text: str) -> Cell:
    """Parses the text of a file or request as a cell of this kind; None for a blank text of a structured kind.

    A list may be written as JSON, or as Python or numpy print it. Raises InputError, which shows the expected form.
    """
    if kind not in STRUCTURED:
        return text
    return _PARSERS[kind](text if kind == "messages" else text.strip()) if text.strip() else None


def _messages(text: str) -> Cell:
    start = "".join(text[:200].split())
    if not start.startswith(JSON_OF_MESSAGES):
        return text
    try:
        dialogue: Cell = _json(text)
    except ValueError as error:
        if start.startswith(PRINTED_MESSAGES):
            try:
                printed: Cell = ast.literal_eval(text.strip())
                return printed
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                pass
        raise InputError(f"not JSON: {error}; {EXAMPLES['messages']}") from error
    return dialogue


def _labels(text: str) -> list[str]:
    labels = labels_of(text)
    if labels is None and text[0] == "[":
        raise InputError(f"{text:.100} is no list that can be read, but expected is {EXAMPLES['labels']}")
    return [text] if labels is None else labels


def labels_of(text: str) -> list[str] | None:
    """The distinct labels of a text that is a list, as texts; None for any other text, such as a single label."""
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
    """`start` and `end` may be texts of digits, because readers of files keep numbers as texts."""
    try:
        span = {**item, "start": int(item["start"]), "end": int(item["end"]), "label": str(item["label"])}
    except (TypeError, KeyError, ValueError) as error:
        raise _wrong("spans", item) from error
    if not 0 <= span["start"] <= span["end"]:
        raise InputError(f"a span goes from {span['start']} to {span['end']}; it starts at 0 or later and ends behind that")
    return span


_PARSERS: Mapping[Kind, Callable[[str], Cell]] = {
    "labels": _labels,
    "texts": _texts,
    "ids": _ids,
    "spans": _spans,
    "messages": _messages,
}


def _list(kind: Kind, text: str) -> list[Any]:
    try:
        items = _json(text)
    except ValueError as error:
        printed = None if kind == "spans" else _printed(text)
        if printed is None:
            raise InputError(f"not JSON: {error}; expected is {EXAMPLES[kind]}") from error
        return printed
    if not isinstance(items, list):
        raise _wrong(kind, items)
    return items


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError("not JSON that can be read: far too many lists within each other") from error


def _printed(text: str) -> list[str] | None:
    """The texts and integers of a list as Python or numpy print it, with or without commas; None for anything else.

    In round or curly brackets only texts make a list, because (5) may be a name.
    """
    inner = text[1:-1].strip()
    if (text[0], text[-1]) not in (("[", "]"), ("(", ")"), ("{", "}")) or not (inner or text[0] == "["):
        return None
    item = _ITEM if text[0] == "[" else _QUOTED
    if not re.fullmatch(rf"(?:{item}\s*(?:,\s*|(?=\S)|$))*", inner):
        return None
    return [literal if literal[0] not in "'\"" else str(ast.literal_eval(literal)) for literal in re.findall(item, inner)]


def _plain(kind: Kind, item: Any) -> str:
    if isinstance(item, bool) or not isinstance(item, str | int):
        raise _wrong(kind, item)
    return str(item)


def _wrong(kind: Kind, value: Any) -> InputError:
    return InputError(f"{json.dumps(value, ensure_ascii=False, default=str):.100} is not expected there, but {EXAMPLES[kind]}")
