"""Decides whether the quotes of a delimited file are text, and whether a quoted field has swallowed rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SAMPLE = 2000  # lines from which the look of a row is learned, at most
MANY = 1000  # open quotes looked at, at most
LONG = 50  # lines kept after an open quote, at most
ENOUGH = 20  # rows from which a column of few values counts as categories
MOST = 0.9  # share of the lines of a field that must look like rows for the lines to be taken for rows
PROSE = ",;"  # delimiters that occur in sentences too
UNCLOSED = "unexpected end of data"  # the csv module's message for a quote that is not closed


class Survey(NamedTuple):
    """What the quotes of a file mean."""

    likeness: Likeness
    strays: int
    """Lines with quotes that quote nothing."""
    quotes_are_text: bool


class _Column:
    """What the values of a column look like: numbers, single words, several words, or one of few categories."""

    def __init__(self, values: Sequence[str]) -> None:
        filled = [value for value in values if value.strip()]
        self.empty = len(filled) < len(values)
        self.spaced = 5 * sum(value[0].isspace() for value in filled) > len(filled)
        self.kind = max(map(_kind, filled), default=0)
        distinct = set(values)
        self.enough = len(values) >= ENOUGH
        self.categories = distinct if self.enough and 10 * len(distinct) <= len(values) else None

    def excludes_prose(self, values: Sequence[str]) -> bool:
        """Whether values that fit this column can hardly be prose: numbers, or categories of this column."""
        if self.categories is None:
            return self.enough and self.kind == 0
        return all(value.strip("\"'") in self.categories for value in values)

    def fits(self, value: str) -> bool:
        """Whether a value looks like those of the column."""
        bare = value.strip("\"' \t")
        if not bare:
            return self.empty
        return _kind(bare) <= self.kind and (self.spaced or not value[0].isspace())


class Likeness:
    """What the rows of a file look like, learned from rows without a quoted field."""

    def __init__(self, delimiter: str, rows: Sequence[Sequence[str]]) -> None:
        self.delimiter = delimiter
        self.columns = [_Column(values) for values in zip(*rows, strict=True)]

    def looks_like_row(self, fields: Sequence[str]) -> bool:
        """Whether the fields of a line, split without regard to quotes, look like a row."""
        return len(fields) == len(self.columns) and all(
            column.fits(value) for column, value in zip(self.columns, fields, strict=True)
        )

    def are_mostly_rows(self, lines: Sequence[Sequence[str]]) -> bool:
        """Whether at least a share `MOST` of the lines look like rows."""
        return sum(map(self.looks_like_row, lines)) >= MOST * len(lines)

    def are_rows(self, lines: Sequence[Sequence[str]]) -> bool:
        """Whether the lines of a quoted field, split without regard to quotes, are rows between two stray quotes.

        Two lines of prose may look like two rows by chance: they count as rows only where tabs or bars separate their fields,
        or where a column of numbers or categories excludes prose.
        """
        if len(lines) < 2 or not self.are_mostly_rows(lines):
            return False
        return (
            len(lines) > 2
            or self.delimiter not in PROSE
            or any(column.excludes_prose([fields[i] for fields in lines]) for i, column in enumerate(self.columns))
        )

    def rows_within(self, record: Sequence[str]) -> bool:
        """Whether a record over several lines holds rows; never in a file of one column, where every line looks like a row."""
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


def survey_quotes(lines: Iterator[str], delimiter: str, quote: str) -> Survey:
    """Reads lines, the header first, until they decide what the quotes mean.

    Quotes are text where every line, split without regard to quotes, has as many fields as the header, more lines have stray
    quotes than well-quoted fields, and, in a file of several columns, the lines that an opened quote would join look like rows.
    Where the header is quoted, quotes are never text. delimiter, quote: one character each.
    """
    header = next(lines, "")
    width = _width(header, delimiter, quote)
    quoting, sample = _QuotingCounts(delimiter, quote, width), list[list[str]]()
    fits = quote not in header
    for number, line in enumerate(lines):
        if number >= SAMPLE and not fits:
            break
        if number >= SAMPLE and quoting.open is None and quote not in line and line.count(delimiter) == width - 1:
            continue  # the fast path for most lines of a long file
        fields = line.rstrip("\r\n").split(delimiter)
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        if len(fields) != width:
            fits = fits and not line.strip()
        else:
            quoted = any(field.startswith(quote) for field in fields)
            quoting.add(line, fields, quoted)
            if not quoted and number < SAMPLE:
                sample.append(fields)
    likeness = Likeness(delimiter, sample)
    if width == 1:  # every line looks like a row, so swallowed rows cannot be recognised
        return Survey(likeness, quoting.strays, fits and quoting.strays > quoting.quoted)
    strays = quoting.strays + quoting.opened
    rows = all(map(likeness.are_rows, quoting.swallowed)) and likeness.are_mostly_rows(quoting.open or ())
    return Survey(likeness, strays, fits and rows and strays > quoting.quoted)


def _width(header: str, delimiter: str, quote: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter, quotechar=quote, strict=True), ()))
    except csv.Error:
        return 0


class _QuotingCounts:
    """Counts the lines in which a field begins with a quote: well quoted, stray, and opened but not closed."""

    def __init__(self, delimiter: str, quote: str, width: int) -> None:
        self.delimiter, self.quote, self.width = delimiter, quote, width
        self.quoted = self.strays = self.opened = 0
        self.swallowed: list[list[list[str]]] = []
        """For each opened quote the lines up to the next quote, split without regard to quotes."""
        self.open: list[list[str]] | None = None
        """The lines since an opened quote that no quote has followed yet."""

    def add(self, line: str, fields: list[str], begins: bool) -> None:
        """Counts a line. fields: of the line, split without regard to quotes. begins: whether a field begins with a quote."""
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
            if str(error) == UNCLOSED:
                self.opened += 1
                self.open = [fields]
            elif f"\\{self.quote}" in line or any(map(self._is_quoted, fields)):
                self.quoted += 1  # the writer does not double quotes within quotes
            else:
                self.strays += 1
            return
        if len(record) == self.width:
            self.quoted += 1
        else:
            self.strays += 1

    def _is_quoted(self, field: str) -> bool:
        return len(field) > 1 and field.startswith(self.quote) and field.endswith(self.quote)
