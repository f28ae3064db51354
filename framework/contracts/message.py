"""Sentences for people that can be said in another language: an English template, and the values that stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from framework.errors import some


class Message(str):
    """English text that remembers how it was made. Slicing, joining and formatting give a plain `str`, which stays English.

    template: as for `str.format`, with named values. One without values is taken as it stands, braces too.
    values: by name. Messages among them are translated with the whole; everything else stays as it is.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        made = super().__new__(cls, template.format_map(values) if values else template)
        made.template, made.values = template, values
        return made

    def filled(self, **values: object) -> Message:
        """The template of this one, which has no values, with some: for templates that are chosen before their values."""
        return Message(self.template, values)

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]  # how it is copied and pickled
        return self.template, self.values


def message(template: str, /, **values: object) -> Message:
    """One sentence, or a part of one: ``message("{rows:,} rows repeat another", rows=108)``. The template is written out, so
    that the test of the catalogue finds it.
    """
    return Message(template, values)


def messages(*templates: str) -> tuple[Message, ...]:
    """Several without values, such as the header of a table."""
    return tuple(Message(template, {}) for template in templates)


def joined(parts: Iterable[str], separator: str = "\n") -> str:
    """``separator.join(parts)`` whose parts are still translated, and what separates them with them."""
    left = list(parts)
    if len(left) < 2:
        return left[0] if left else ""
    middle = len(left) // 2  # halves, so that thousands of parts are not nested thousands deep
    halves = {"one": joined(left[:middle], separator), "other": joined(left[middle:], separator)}
    return Message(f"{{one}}{separator}{{other}}", halves)


def listed(names: Sequence[str], *, quoted: bool = True, most: int = 12) -> str:
    """Names for a message, the first of very many."""
    first = some(names[:most], quoted=quoted, most=most)
    return message("{names} and {count:,} more", names=first, count=len(names) - most) if len(names) > most else first
