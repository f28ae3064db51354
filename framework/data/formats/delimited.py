"""Reads delimited text, such as CSV: the header is found and cleaned, every value stays the text that stands in the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, ClassVar, NamedTuple

from framework.contracts.data.format import Block, Claim, Format, Quote, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row
from framework.contracts.message import message
from framework.data.formats.headers import HEAD, column_names, find_header
from framework.data.formats.quotes import Likeness, survey_quotes
from framework.data.formats.ragged import RaggedRows
from framework.errors import InputError

MAX_FIELD = 64 * 1024 * 1024  # characters in one value, at most
JSON = (".jsonl", ".ndjson", ".json")  # suffixes of JSON, under which delimited text occurs too

csv.field_size_limit(MAX_FIELD)


class Delimited(Format):
    """A base class of formats with a header line and one row a line, with fields separated by comma, semicolon, tab or bar."""

    headed: ClassVar[bool] = True
    tabs: ClassVar[tuple[str, ...]] = ()
    """Those of `suffixes` that promise tabs between fields."""

    def names(self, file: Sniffed, header: list[str], say: Callable[[str], None]) -> list[str]:
        """The column names, made from the fields of the header; by default these fields."""
        return header

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The rows: in blocks as far as Arrow can read the file, then one by one."""
        rows, complete = 0, False
        if options.blocks:
            from framework.data.formats.arrow_csv import plain_rows

            rows, complete = yield from plain_rows(self, file, options, say)
        if not complete:
            with file.open_text() as stream:
                yield from islice(delimited_rows(self, file, stream, say, options.quote), rows, None)


class Csv(Delimited):
    """CSV, TSV and the like."""

    name: ClassVar[str] = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".tab", ".txt")
    tabs: ClassVar[tuple[str, ...]] = (".tsv", ".tab")

    def claims(self, file: Sniffed) -> Claim | None:
        start = file.text.lstrip("\ufeff \t\r\n")
        if file.suffix in JSON and start and start[0] not in "{[" and re.match(r"[^{}:]*[,;\t|]", start.splitlines()[0]):
            return Claim(Sure.CERTAIN, "its first line has fields and is no JSON")
        return super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        if file.suffix not in self.suffixes:
            say(message("{file} was read as delimited text, which it is, whatever its name", file=file.path.name))
        yield from super().read(file, options, say)


class Dialect(NamedTuple):
    """How fields are separated and quoted."""

    delimiter: str
    quote: str | None = '"'
    """None: quotes are text."""
    spaces: bool = False
    """Spaces after a delimiter do not belong to the value."""


def delimited_rows(
    form: Delimited, file: Sniffed, stream: IO[str], say: Callable[[str], None], quote: Quote | None = None
) -> Iterator[Row]:
    """The rows of a file in order.

    In a file of one column an empty line is a row with an empty value; in a file of several columns it is no row.

    stream: the text of the file, seekable. say: takes a note on each repair. quote: the meaning of quotes; None: `Quote.auto`.
    Raises InputError for a header that cannot be used, for broken quotes, for a quoted field that holds rows, and for ragged
    rows, of which it names the first.
    """
    path = file.path
    head = list(islice(_without_marks(path, stream, say=None), HEAD))
    before, delimiter = find_header(path, head, say, tabs=file.suffix in form.tabs)
    dialect, likeness = _dialect(path, head[before], delimiter, say), None
    if quote is Quote.none:
        dialect = dialect._replace(quote=None)
    elif quote is not Quote.standard and dialect.quote is not None:
        survey = survey_quotes(_lines(path, stream, before), delimiter, dialect.quote)
        likeness = survey.likeness
        if survey.quotes_are_text:
            dialect = dialect._replace(quote=None)
            note = message(
                "{count:,} lines of {file} hold quotes that quote nothing: its quotes were read as text; "
                "data.quote=standard (predict --quote standard) says otherwise",
                count=survey.strays,
                file=path.name,
            )
            say(note)
    yield from _Rows(form, file, before, dialect, likeness, say).read(_lines(path, stream, before, say))


def _lines(path: Path, stream: IO[str], before: int, say: Callable[[str], None] | None = None) -> Iterator[str]:
    """The lines from the header on, after the stream is set to its start. before: number of lines above the header.

    say: takes a note on byte order marks between the rows; None: no note.
    """
    stream.seek(0)
    return islice(_without_marks(path, stream, say), before, None)


class _Rows:
    """Reads the rows of a file and counts the repairs."""

    def __init__(
        self,
        form: Delimited,
        file: Sniffed,
        before: int,
        dialect: Dialect,
        likeness: Likeness | None,
        say: Callable[[str], None],
    ) -> None:
        """before: number of lines above the header. likeness: what rows look like, to find rows within quoted fields; None:
        these are not looked for.
        """
        self.form, self.file, self.path = form, file, file.path
        self.before, self.dialect, self.likeness, self.say = before, dialect, likeness, say
        self.ragged = RaggedRows(file.path)
        self.repeated = self.longer = self.blank = self.broken = 0
        self.width = 0
        self.longest = (0, 0)  # (number of lines, first line) of the value that stands on the most lines

    def read(self, lines: Iterator[str]) -> Iterator[Row]:
        """The rows. lines: from the header on. Raises the errors of `delimited_rows`."""
        reader = csv.reader(
            lines,
            delimiter=self.dialect.delimiter,
            quotechar=self.dialect.quote or '"',
            quoting=csv.QUOTE_NONE if self.dialect.quote is None else csv.QUOTE_MINIMAL,
            skipinitialspace=self.dialect.spaces,
            strict=True,
        )
        start = self.before + 1
        try:
            header = [name.strip(" \t\ufeff\u200b\xa0") for name in next(reader)]
            self.width = len(header)
            names = column_names(self.path, start, self.form.names(self.file, header, self.say), self.say)
            all_named, blank = all(names), 0
            start = self.before + reader.line_num + 1
            for record in reader:
                line, start = start, self.before + reader.line_num + 1
                if start - line > 1:
                    self._check_lines(record, line, start - 1)
                if len(record) != self.width and not self._fits(record, line):
                    blank += not record or not any(map(str.strip, record))
                    continue
                self.blank, blank = self.blank + blank, 0
                if record[0] == header[0] and self.width > 1 and [value.strip() for value in record] == header:
                    self.repeated += 1
                elif not self.ragged.problems:
                    yield Row(line, dict(zip(names, record, strict=True)) if all_named else _named_values(names, record))
        except csv.Error as error:
            raise InputError(f"{self.path}, line {start}: {_explain(error, reader.line_num + self.before, start)}") from error
        self.ragged.check()
        self._say_repairs()

    def _check_lines(self, record: Sequence[str], first: int, last: int) -> None:
        """Counts a record over the lines `first` to `last`. Raises InputError where lines within a field look like rows."""
        if self.likeness is not None and self.likeness.rows_within(record):
            raise InputError(
                f"{self.path}, lines {first} to {last}: one quoted field holds these {last - first + 1:,} lines, each of which "
                "looks like a row; where a quote is text, data.quote=none (predict --quote none) reads every line as a row; "
                "where it is one field, data.quote=standard keeps it"
            )
        self.broken += 1
        self.longest = max(self.longest, (last - first + 1, first), key=lambda lines: lines[0])

    def _fits(self, record: list[str], line: int) -> bool:
        """Whether a record with another number of fields than the header is a row, which then gets the header's number.

        Collects ragged records. line: the first line of the record.
        """
        width = self.width
        if width == 1 and not record:
            record.append("")
            return True
        if not any(map(str.strip, record)):
            return False
        if len(record) < width or any(map(str.strip, record[width:])):
            self.ragged.add(line, len(record), width)
            return False
        self.longer += 1
        del record[width:]
        return True

    def _say_repairs(self) -> None:
        name = self.path.name
        if self.repeated:
            self.say(
                message(
                    "{file}: the header stands {times:,} more times between the rows (joined files?); left out",
                    file=name,
                    times=self.repeated,
                )
            )
        if self.longer:
            self.say(
                message(
                    "{file}: {rows:,} rows end in more delimiters than the header; the empty fields were left out",
                    file=name,
                    rows=self.longer,
                )
            )
        if self.blank:
            self.say(
                message(
                    "{count:,} blank lines between the rows of {file} are no rows and were left out",
                    count=self.blank,
                    file=name,
                )
            )
        if self.broken and self.likeness is not None and self.width == 1:
            lines, first = self.longest
            self.say(
                message(
                    "{count:,} values of {file} stand on several lines, the longest on lines {first} to {last}; "
                    "data.quote=none (predict --quote none) makes a row of each line",
                    count=self.broken,
                    file=name,
                    first=first,
                    last=first + lines - 1,
                )
            )


def _without_marks(path: Path, stream: IO[str], say: Callable[[str], None] | None) -> Iterator[str]:
    """The lines without byte order marks. A note counts the marks below the first line, which joined files have."""
    inside = 0
    for number, line in enumerate(stream):
        if line[0] == "\ufeff":
            inside += number > 0
            line = line.lstrip("\ufeff")
        yield line
    if inside and say is not None:
        say(
            message(
                "{file}: {marks:,} byte order marks between the rows (joined files?) were left out",
                file=path.name,
                marks=inside,
            )
        )


def _dialect(path: Path, header: str, delimiter: str, say: Callable[[str], None]) -> Dialect:
    """The dialect of a file by its header line, which is quoted as the rows are."""
    names = header.strip().split(delimiter)
    if all(re.fullmatch(r"\s*'[^']*'\s*", name) for name in names):
        say(message("{file} quotes with ' instead of \"", file=path.name))
        return Dialect(delimiter, "'", spaces=any(name[0] == " " for name in names[1:]))
    spaces = len(names) > 1 and all(name.startswith(' "') for name in names[1:])
    if spaces:
        say(message("{file}: spaces between a delimiter and a quote were left out", file=path.name))
    return Dialect(delimiter, spaces=spaces)


def _named_values(names: list[str], record: list[str]) -> dict[str, str]:
    """The values of a record by column name, without columns that have no name."""
    return {name: value for name, value in zip(names, record, strict=True) if name}


def _explain(error: csv.Error, last: int, start: int) -> str:
    """The csv module's message with a remedy. last: the line read last. start: the line where the record starts."""
    reach = f" (read up to line {last})" if last > start else ""
    return (
        f'{error}{reach}; a quote inside a quoted field is written twice, not as \\", and the field closes; '
        "data.quote=none (predict --quote none) reads quotes as text"
        if "limit" not in str(error)
        else f"{error}{reach}; is a closing quote missing?"
    )
