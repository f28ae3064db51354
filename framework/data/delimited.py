"""Rows of CSV and its relatives: the header is found and cleaned, every value stays the text that stands in the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple

from framework.data.table import Row
from framework.errors import InputError, some

ATOMIC = (".inter", ".item", ".user")  # RecBole's files: interactions, items, users
TAB_SEPARATED = (".tsv", ".tab", *ATOMIC)
TYPED = r"(.+):(token|token_seq|float|float_seq)"  # RecBole's columns
MAX_FIELD = 64 * 1024 * 1024  # characters in one value
MAX_SHOWN = 5  # broken rows named in one message
HEAD = 50  # lines in which the header must stand
EMPTY = "it needs a header line and one labelled row a line"

csv.field_size_limit(MAX_FIELD)


class Dialect(NamedTuple):
    delimiter: str
    quote: str = '"'
    spaces: bool = False  # after a delimiter do not belong to the value


def delimited_rows(path: Path, stream: IO[str], suffix: str, say: Callable[[str], None]) -> Iterator[Row]:
    """Rows in order. What was repaired is said; raises InputError naming every ragged row (the first few)."""
    lines = _without_marks(path, stream, say)
    head = list(islice(lines, HEAD))
    before, delimiter = find_header(path, head, suffix, say)
    dialect = _dialect(path, head[before], delimiter, say)
    reader = csv.reader(
        chain(head[before:], lines), delimiter=delimiter, quotechar=dialect.quote, skipinitialspace=dialect.spaces, strict=True
    )
    width, start, whole = 0, before + 1, True
    ragged, repeated, longer = _Ragged(path), 0, 0
    header: list[str] = []
    names: list[str] = []
    try:
        for record in reader:
            line, start = start, before + reader.line_num + 1
            if not header:
                header = [name.strip(" \t\ufeff\u200b\xa0") for name in record]
                width, names = len(header), column_names(path, line, header, say)
                whole = all(names)
                continue
            if len(record) != width:
                if not any(map(str.strip, record)):
                    continue  # a blank line
                if len(record) < width or any(map(str.strip, record[width:])):
                    ragged.add(line, len(record), width)
                    continue
                longer += 1
                del record[width:]
            if record[0] == header[0] and [value.strip() for value in record] == header:
                repeated += 1
                continue
            if not ragged.found:
                yield Row(line, dict(zip(names, record, strict=True)) if whole else _named(names, record))
    except csv.Error as error:
        raise InputError(f"{path}, line {start}: {_explain(error, reader.line_num + before, start)}") from error
    ragged.check()
    if repeated:
        say(f"{path.name}: the header stands {repeated:,} more times between the rows (joined files?); left out")
    if longer:
        say(f"{path.name}: {longer:,} rows end in more delimiters than the header; the empty fields were left out")


def _without_marks(path: Path, stream: IO[str], say: Callable[[str], None]) -> Iterator[str]:
    """Lines without the byte order marks that joining files leaves in the middle."""
    inside = 0
    for number, line in enumerate(stream):
        if line[0] == "\ufeff":
            inside += number > 0
            line = line.lstrip("\ufeff")
        yield line
    if inside:
        say(f"{path.name}: {inside:,} byte order marks between the rows (joined files?) were left out")


def find_header(path: Path, head: list[str], suffix: str, say: Callable[[str], None]) -> tuple[int, str]:
    """(lines before the header, delimiter). Only what is surely no header is passed over; it is said."""
    filled = [i for i, line in enumerate(head) if line.strip()]
    if not filled:
        raise InputError(f"{path} is empty; {EMPTY}")
    announced = re.fullmatch(r"sep=(.)\s*", head[filled[0]], re.IGNORECASE)  # Excel's own
    if announced and len(filled) > 1:
        return filled[1], announced.group(1)
    at = next((i for i in filled if not head[i].lstrip().startswith("#")), filled[0])
    delimiter = _delimiter(head[at], suffix)
    comments = [i for i in filled if i < at]
    if comments:
        alike = [i for i in comments if _count(head[i], delimiter) == _count(head[at], delimiter)]
        if alike:
            raise InputError(
                f"{path}, line {alike[0] + 1}: this line begins with # and has as many fields as line {at + 1}; "
                "delete it if it is a comment, or its # if it is the header"
            )
        say(f"{path.name}: {len(comments)} comment lines (#) above the header were left out")
    elif _is_title(head, filled, delimiter):
        at = filled[1]
        title = head[filled[0]].strip()[:60]
        say(f"{path.name}: line {filled[0] + 1}, {title!r}, was taken for a title; the header is line {at + 1}")
        delimiter = _delimiter(head[at], suffix)
    if suffix in TAB_SEPARATED and delimiter != "\t":
        say(f"{path.name} is separated by {delimiter!r}, whatever its name")
    return at, delimiter


def _is_title(head: list[str], filled: list[int], delimiter: str) -> bool:
    """A first line with one value of three or more fields (as spreadsheets save it), or alone above an empty line."""
    if len(filled) < 3:
        return False
    first, second = head[filled[0]].strip("\r\n"), head[filled[1]].strip("\r\n")
    fields, names = first.split(delimiter), second.split(delimiter)
    if len(fields) >= 3:
        return bool(fields[0].strip()) and not any(map(str.strip, fields[1:])) and sum(map(bool, map(str.strip, names))) >= 2
    other = _delimiter(second, "")
    return len(fields) == 1 and filled[1] > filled[0] + 1 and _count(second, other) == _count(head[filled[2]], other) > 0


def _delimiter(header: str, suffix: str) -> str:
    """The delimiter that stands most often in the header line, outside quotes; a tab or comma when none does."""
    preferred = "\t" if suffix in TAB_SEPARATED else ","
    return max(preferred + ",;\t|", key=lambda delimiter: _count(header, delimiter))


def _count(line: str, delimiter: str) -> int:
    return sum(part.count(delimiter) for i, part in enumerate(line.split('"')) if i % 2 == 0)


def _dialect(path: Path, header: str, delimiter: str, say: Callable[[str], None]) -> Dialect:
    """How the header is quoted is how the rows are."""
    names = header.strip().split(delimiter)
    if all(re.fullmatch(r"\s*'[^']*'\s*", name) for name in names):
        say(f"{path.name} quotes with ' instead of \"")
        return Dialect(delimiter, "'", spaces=any(name[0] == " " for name in names[1:]))
    spaces = len(names) > 1 and all(name.startswith(' "') for name in names[1:])
    if spaces:
        say(f"{path.name}: spaces between a delimiter and a quote were left out")
    return Dialect(delimiter, spaces=spaces)


def column_names(path: Path, line: int, header: list[str], say: Callable[[str], None]) -> list[str]:
    """The names of the header without RecBole's types; columns whose name is empty are left out."""
    typed = [re.fullmatch(TYPED, name) for name in header]
    if all(typed):
        say(f"{path.name}: the types behind the names of its columns ({header[0]}, as RecBole writes them) were left out")
        header = [match[1] for match in typed if match]
    seen: set[str] = set()
    twice = {name for name in header if name and (name in seen or seen.add(name))}  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"{path}, line {line}: the header names {some(sorted(twice))} twice; rename one column")
    if not any(header):
        raise InputError(f"{path}, line {line}: the header names no column; {EMPTY}")
    places = [str(i) for i, name in enumerate(header, start=1) if not name]
    if places:
        say(f"{path.name}: the header has no name for column {some(places, quoted=False)}; left out")
    return header


def _named(names: list[str], record: list[str]) -> dict[str, str]:
    return {name: value for name, value in zip(names, record, strict=True) if name}


def _explain(error: csv.Error, last: int, start: int) -> str:
    """The csv module's own words, and what to write instead."""
    reach = f" (read up to line {last})" if last > start else ""
    return (
        f'{error}{reach}; a quote inside a quoted field is written twice, not as \\", and the field closes'
        if "limit" not in str(error)
        else f"{error}{reach}; is a closing quote missing?"
    )


class _Ragged:
    """Collects rows of the wrong width, so that one message names them all and none is dropped unseen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[str] = []
        self.more = 0
        self.title = False

    def add(self, line: int, fields: int, width: int) -> None:
        self.title |= width == 1
        if len(self.found) < MAX_SHOWN:
            self.found.append(f"{self.path}, line {line}: {fields} fields where the header has {width}")
        else:
            self.more += 1

    def check(self) -> None:
        if not self.found:
            return
        rest = f" (and {self.more} more lines)" if self.more else ""
        title = "; if a title stands above the header, delete it" if self.title else ""
        last = f"{self.found[-1]}{rest}; quote fields that contain the delimiter or a line break{title}"
        raise InputError(*self.found[:-1], last)
