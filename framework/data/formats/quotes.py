"""Whether the quotes of a delimited file quote or are text, and whether a quoted field has swallowed rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SAMPLE = 2000  # lines from which it is learned what a row looks like
MANY = 1000  # quotes that are left open, of which more are not looked at
LONG = 50  # lines between two of them, likewise
ENOUGH = 20  # rows, from which a column of few values is a column of categories
MOST = 0.9  # share of the lines of a field that look like rows, from which they are taken for rows
PROSE = ",;"  # delimiters that stand in sentences too, before a space
ENDLESS = "unexpected end of data"  # the csv module's words


class Survey(NamedTuple):
    """strays: lines whose quotes quote nothing. text: quotes are characters like others."""

    likeness: Likeness
    strays: int
    text: bool


class _Column:
    """What the values of a column look like: words, one word or a number; from a list with few values which."""

    def __init__(self, values: Sequence[str]) -> None:
        filled = [value for value in values if value.strip()]
        self.empty = len(filled) < len(values)
        self.spaced = 5 * sum(value[0].isspace() for value in filled) > len(filled)
        self.kind = max(map(_kind, filled), default=0)
        distinct = set(values)
        self.enough = len(values) >= ENOUGH
        self.categories = distinct if self.enough and 10 * len(distinct) <= len(values) else None

    def tells(self, values: Sequence[str]) -> bool:
        """Whether values that fit would hardly do so if they were prose."""
        if self.categories is None:
            return self.enough and self.kind == 0
        return all(value.strip("\"'") in self.categories for value in values)

    def fits(self, value: str) -> bool:
        bare = value.strip("\"' \t")
        if not bare:
            return self.empty
        return _kind(bare) <= self.kind and (self.spaced or not value[0].isspace())


class Likeness:
    """What rows of a file look like, learned from those that have no quoted field."""

    def __init__(self, delimiter: str, rows: Sequence[Sequence[str]]) -> None:
        self.delimiter = delimiter
        self.columns = [_Column(values) for values in zip(*rows, strict=True)]

    def like(self, fields: Sequence[str]) -> bool:
        """Whether the fields, split without regard to quotes, may be a row's."""
        return len(fields) == len(self.columns) and all(
            column.fits(value) for column, value in zip(self.columns, fields, strict=True)
        )

    def mostly(self, lines: Sequence[Sequence[str]]) -> bool:
        return sum(map(self.like, lines)) >= MOST * len(lines)

    def are_rows(self, lines: Sequence[Sequence[str]]) -> bool:
        """Whether the lines of a quoted field, split without regard to quotes, are several rows between two stray quotes.

        Two lines of prose may look like two rows by chance: they are taken for rows only where tabs or bars part them, or
        where a column of numbers or of categories says so.
        """
        if len(lines) < 2 or not self.mostly(lines):
            return False
        return (
            len(lines) > 2
            or self.delimiter not in PROSE
            or any(column.tells([fields[i] for fields in lines]) for i, column in enumerate(self.columns))
        )

    def rows_within(self, record: Sequence[str]) -> bool:
        """Of a record over several lines. In a file of one column every line looks like a row, so that none tells."""
        if len(self.columns) < 2:
            return False
        written = self.delimiter.join(f'"{value}"' if re.search("[\r\n]", value) else value for value in record)
        return self.are_rows([line.split(self.delimiter) for line in re.split(r"\r\n|\r|\n", written) if line.strip()])


def _kind(value: str) -> int:
    """0: a number, 1: one word, 2: words."""
    try:
        float(value)
    except ValueError:
        return 1 if len(value.split()) == 1 else 2
    return 0


def survey(lines: Iterator[str], delimiter: str, quote: str) -> Survey:
    """Reads lines, the header first, as far as they may tell.

    Quotes are plainly text where every line has the header's number of fields without them and more lines hold quotes that
    quote nothing than fields that are quoted well. A header in quotes says that they quote.
    """
    header = next(lines, "")
    width = _width(header, delimiter, quote)
    parts, sample = _Parts(delimiter, quote, width), list[list[str]]()
    fits = quote not in header
    for number, line in enumerate(lines):
        if number >= SAMPLE and not fits:
            break
        if number >= SAMPLE and parts.open is None and quote not in line and line.count(delimiter) == width - 1:
            continue  # most lines of a long file
        fields = line.rstrip("\r\n").split(delimiter)
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        if len(fields) != width:
            fits = fits and not line.strip()
        else:
            quoted = any(field.startswith(quote) for field in fields)
            parts.add(line, fields, quoted)
            if not quoted and number < SAMPLE:
                sample.append(fields)
    likeness = Likeness(delimiter, sample)
    if width == 1:  # any line may be one of a field
        return Survey(likeness, parts.strays, fits and parts.strays > parts.quoted)
    strays = parts.strays + parts.opened
    rows = all(map(likeness.are_rows, parts.swallowed)) and likeness.mostly(parts.open or ())
    return Survey(likeness, strays, fits and rows and strays > parts.quoted)


def _width(header: str, delimiter: str, quote: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter, quotechar=quote, strict=True), ()))
    except csv.Error:
        return 0


class _Parts:
    """Counts lines in which a field begins with a quote: those quoted well, and strays, which are not.

    opened: lines that begin a quote and do not end it, as the first line of a long field does too. swallowed: the lines from
    each of them to the next quote, split without regard to quotes; open: those after which none came yet.
    """

    def __init__(self, delimiter: str, quote: str, width: int) -> None:
        self.delimiter, self.quote, self.width = delimiter, quote, width
        self.quoted = self.strays = self.opened = 0
        self.swallowed: list[list[list[str]]] = []
        self.open: list[list[str]] | None = None

    def add(self, line: str, fields: list[str], begins: bool) -> None:
        """begins: whether a field begins with a quote."""
        if self.open is not None:
            self.open += [fields] if len(self.open) < LONG else []
            if self.quote in line:
                self.swallowed += [self.open] if len(self.swallowed) < MANY else []
                self.open = None
        if begins:
            self._count(line, fields)

    def _count(self, line: str, fields: list[str]) -> None:
        try:
            record = next(csv.reader([line], delimiter=self.delimiter, quotechar=self.quote, strict=True))
        except csv.Error as error:
            if str(error) == ENDLESS:
                self.opened += 1
                self.open = [fields]
            elif f"\\{self.quote}" in line or any(map(self._is_quoted, fields)):
                self.quoted += 1  # by a writer that does not double the quotes within
            else:
                self.strays += 1
            return
        if len(record) == self.width:
            self.quoted += 1
        else:
            self.strays += 1

    def _is_quoted(self, field: str) -> bool:
        return len(field) > 1 and field.startswith(self.quote) and field.endswith(self.quote)
