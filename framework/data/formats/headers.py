"""The header of a delimited file: its line, the delimiter, and the column names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from framework.contracts.message import listed, message
from framework.errors import InputError, some

HEAD = 50  # number of first lines among which the header must be
EMPTY = "it needs a header line and one labelled row a line"


def find_header(path: Path, head: list[str], say: Callable[[str], None], *, tabs: bool) -> tuple[int, str]:
    """(number of lines above the header, delimiter).

    Lines above the header are passed over, with a note, only where they are certainly comments or a title. head: the first
    lines. tabs: whether the file's name promises tabs between fields. Raises InputError for an empty file, and for a line that
    may be a comment or the header.
    """
    filled = [i for i, line in enumerate(head) if line.strip()]
    if not filled:
        raise InputError(f"{path} is empty; {EMPTY}")
    announced = re.fullmatch(r"sep=(.)\s*", head[filled[0]], re.IGNORECASE)  # Excel understands such a line
    if announced and len(filled) > 1:
        return filled[1], announced.group(1)
    at = next((i for i in filled if not head[i].lstrip().startswith("#")), filled[0])
    delimiter = _delimiter(head[at], tabs=tabs)
    comments = [i for i in filled if i < at]
    if comments:
        alike = [i for i in comments if _count(head[i], delimiter) == _count(head[at], delimiter)]
        if alike:
            raise InputError(
                f"{path}, line {alike[0] + 1}: this line begins with # and has as many fields as line {at + 1}; "
                "delete it if it is a comment, or its # if it is the header"
            )
        say(message("{file}: {lines} comment lines (#) above the header were left out", file=path.name, lines=len(comments)))
    elif _is_title(head, filled, delimiter):
        at = filled[1]
        title = head[filled[0]].strip()[:60]
        say(
            message(
                "{file}: line {line}, {title!r}, was taken for a title; the header is line {header}",
                file=path.name,
                line=filled[0] + 1,
                title=title,
                header=at + 1,
            )
        )
        delimiter = _delimiter(head[at], tabs=tabs)
    if tabs and delimiter != "\t":
        say(message("{file} is separated by {delimiter!r}, whatever its name", file=path.name, delimiter=delimiter))
    return at, delimiter


def _is_title(head: list[str], filled: list[int], delimiter: str) -> bool:
    """Whether the first line is a title: it fills only the first of three or more fields, as spreadsheets save a title, or it
    is a single field above an empty line. head: the first lines of the file. filled: positions in `head` of lines that are not
    blank. delimiter: of the first line.
    """
    if len(filled) < 3:
        return False
    first, second = head[filled[0]].strip("\r\n"), head[filled[1]].strip("\r\n")
    fields, names = first.split(delimiter), second.split(delimiter)
    if len(fields) >= 3:
        return bool(fields[0].strip()) and not any(map(str.strip, fields[1:])) and sum(map(bool, map(str.strip, names))) >= 2
    other = _delimiter(second, tabs=False)
    return len(fields) == 1 and filled[1] > filled[0] + 1 and _count(second, other) == _count(head[filled[2]], other) > 0


def _delimiter(header: str, *, tabs: bool) -> str:
    """The delimiter that occurs most often in the header line outside quotes; if none does, a tab or a comma."""
    return max(("\t" if tabs else ",") + ",;\t|", key=lambda delimiter: _count(header, delimiter))


def _count(line: str, delimiter: str) -> int:
    """How often the delimiter occurs outside quotes."""
    return sum(part.count(delimiter) for i, part in enumerate(line.split('"')) if i % 2 == 0)


def column_names(path: Path, line: int, header: list[str], say: Callable[[str], None]) -> list[str]:
    """`header`, checked; empty names stand for columns to leave out, which a note lists.

    path, line: of the header, for messages. Raises InputError for names that occur twice, and for a header without names.
    """
    seen: set[str] = set()
    twice = {name for name in header if name and (name in seen or seen.add(name))}  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"{path}, line {line}: the header names {some(sorted(twice))} twice; rename one column")
    if not any(header):
        raise InputError(f"{path}, line {line}: the header names no column; {EMPTY}")
    places = [str(i) for i, name in enumerate(header, start=1) if not name]
    if places:
        columns = listed(places, quoted=False)
        say(message("{file}: the header has no name for column {columns}; left out", file=path.name, columns=columns))
    return header
