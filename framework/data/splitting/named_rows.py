"""Reads files that name rows by file and line, such as rows with wrong labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.contracts.data.format import Quote
from framework.data.formats.reading import read_table
from framework.data.sources import File, locate_all
from framework.errors import InputError

FILE, LINE = "file", "line"  # columns of a CSV that names rows
WAYS = "write FILE:LINE, such as reviews.csv:12, one a line, or a CSV with the columns file and line"
SHOWN = 10  # problems that an error lists
_DELIMITERS = re.compile(r"[,;\t|]")


@dataclass(frozen=True)
class NamedRow:
    """A row that the user's file names."""

    file: str
    line: int
    where: str
    """Where it is named, for messages."""


def named_rows(addresses: Any) -> list[NamedRow]:
    """The rows that a file, or a list of files, names. Raises InputError for a file in another form, and for an empty one."""
    return [row for file in locate_all(addresses) for row in _rows(file.path)]


def _rows(path: Path) -> Iterator[NamedRow]:
    parts = list(_parts(path))
    odd = [(number, file, line) for number, file, line in parts if not _is_line(line)]
    wrong = [f"{path}, line {number}: {line!r} is no line of {file!r}; {WAYS}" for number, file, line in odd]
    if wrong:
        raise InputError(*wrong[:SHOWN])
    for number, file, line in parts:
        yield NamedRow(file.strip(), int(line), f"{path}, line {number}")


def _parts(path: Path) -> Sequence[tuple[int, str, str]]:
    """For each named row the line that names it, the file and the line, as written."""
    lines = [(number, line.strip()) for number, line in enumerate(_lines(path), 1) if line.strip()]
    if not lines:
        raise InputError(f"data.exclude={path} is empty; {WAYS}")
    if not {FILE, LINE} <= {name.strip('" ') for name in _DELIMITERS.split(lines[0][1])}:
        return [(number, *_file_and_line(line)) for number, line in lines]
    if len(lines) == 1:  # a run lists no row where it finds none
        return []
    table = read_table([File(path)], quote=Quote.standard).table
    return list(zip(table.lines, table.texts(FILE), table.texts(LINE), strict=True))


def _lines(path: Path) -> list[str]:
    """The lines of a text file; what is no UTF-8 is replaced, because only a CSV may be in another encoding."""
    return path.read_text(encoding="utf-8-sig", errors="replace").splitlines()


def _file_and_line(text: str) -> tuple[str, str]:
    file, _, line = text.rpartition(":")
    return file, line


def _is_line(text: str) -> bool:
    return re.fullmatch(r"\s*0*[1-9][0-9]{0,17}\s*", text) is not None
