"""Translatable text: an English template, and the values that fill its placeholders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from framework.errors import some


class Message(str):
    """English text with its template and values. Slicing, joining and formatting give a plain `str`, which stays English."""

    template: str
    """A format string of `str.format` with named placeholders; without values it is not formatted, so braces may stay."""
    values: Mapping[str, object]
    """By placeholder. Messages among them are translated too; other values are not."""

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        text = super().__new__(cls, template.format_map(values) if values else template)
        text.template, text.values = template, values
        return text

    def filled(self, **values: object) -> Message:
        """A message with these values, from one that has none: for a template that is chosen before its values exist."""
        return Message(self.template, values)

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]  # how it is copied and pickled
        return self.template, self.values


def message(template: str, /, **values: object) -> Message:
    """A sentence, or a part of one: ``message("{rows:,} rows repeat another", rows=108)``.

    Write the template as a literal, because the test of the catalogues finds templates in the source.
    """
    return Message(template, values)


def messages(*templates: str) -> tuple[Message, ...]:
    """Messages without values, such as the header of a table."""
    return tuple(Message(template, {}) for template in templates)


def joined(parts: Iterable[str], separator: str = "\n") -> str:
    """``separator.join(parts)`` as a message: messages among the parts stay translatable, and so does the separator."""
    texts = list(parts)
    if len(texts) < 2:
        return texts[0] if texts else ""
    middle = len(texts) // 2  # halves, so that thousands of parts are not nested thousands deep
    halves = {"one": joined(texts[:middle], separator), "other": joined(texts[middle:], separator)}
    return Message(f"{{one}}{separator}{{other}}", halves)


def listed(names: Sequence[str], *, quoted: bool = True, most: int = 12) -> str:
    """The first `most` names with commas between them, and the number of the others, as a message."""
    first = some(names[:most], quoted=quoted, most=most)
    return message("{names} and {count:,} more", names=first, count=len(names) - most) if len(names) > most else first
