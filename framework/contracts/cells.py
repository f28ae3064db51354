"""What a cell of a table holds, by the kind of its column; how cells are compared as texts, changed and hashed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

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
