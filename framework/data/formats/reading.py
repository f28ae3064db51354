"""Reads labelled files row by row, every value as the text that stands in the file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from framework.contracts.data.format import Block, Format, Quote, ReadOptions, Sniffed
from framework.contracts.data.table import Row, Table
from framework.data.formats.choosing import choose
from framework.data.formats.encodings import with_encoding
from framework.data.formats.notes import Lists, Notes, sentences
from framework.data.formats.sniffing import sniff
from framework.data.sources import File
from framework.errors import FrameworkError
from framework.plugins import OURS, load_plugins

Say = Callable[[str], None]


@dataclass(frozen=True)
class Read:
    """columns, formats: those of each file, in the order of the files. lists: those whose texts are the JSON of lists."""

    table: Table
    files: Sequence[Path]
    columns: Sequence[set[str]]
    formats: Sequence[Format]
    lists: Sequence[Lists] = ()

    def say_lists(self, say: Say, but: Collection[str] = ()) -> None:
        """What is true of columns that hold lists and are read as texts. but: columns whose lists are read as they are."""
        notes = Notes()
        for sentence in sentences(self.lists, but):
            notes.add(sentence)
        notes.say(say)


def read_table(
    files: Sequence[File],
    encoding: str | None = None,
    say: Say = lambda _: None,
    quote: Quote | None = None,
    lists: Collection[str] = (),
    *,
    format_name: str | None = None,
    task: str | None = None,
    most: int | None = None,
) -> Read:
    """All rows of one or several files, in order. say: called with each repair and each thing that was detected. quote: what
    quotes are in delimited text; None: found out. lists: plain names of columns whose lists count, whatever they hold.
    format_name: of all files; None: found out for each, among the formats for any task and for this one. most: rows read of
    each file, the first; None: all.

    What is true of several files is said once; of lists in columns `Read.say_lists` tells what is true of them once it is known
    which are read as texts. Raises InputError for what cannot be read, naming every ragged row of a file
    (the first few).
    """
    from framework.data.formats.arrow import TableBuilder

    builder = TableBuilder([file.path for file in files])
    notes, formats = Notes(), list[Format]()
    try:
        for number, file in enumerate(files):
            options = ReadOptions(quote, lists, blocks=not file.classes)
            file_format, parts = _read(sniff(file.path, encoding), options, notes.add, format_name, task)
            formats.append(file_format)
            if file.classes or most is not None:
                parts = islice(named(_rows(parts), file.classes), most)
            builder.extend(number, parts)
    finally:
        notes.say(say)
    return Read(builder.table(), builder.files, builder.columns, formats, notes.lists)


def iter_rows(
    path: Path,
    encoding: str | None = None,
    say: Say = lambda _: None,
    quote: Quote | None = None,
    lists: Collection[str] = (),
    *,
    format_name: str | None = None,
    task: str | None = None,
) -> Iterator[Row]:
    """Rows in order, read as they are asked for; see `read_table`. Raises InputError for what cannot be read."""
    yield from rows_of(sniff(path, encoding), ReadOptions(quote, lists), say, format_name, task)


def rows_of(file: Sniffed, options: ReadOptions, say: Say, format_name: str | None, task: str | None) -> Iterator[Row]:
    """The same of a file that was sniffed."""
    return _rows(_read(file, options, say, format_name, task)[1])


def _read(
    file: Sniffed, options: ReadOptions, say: Say, format_name: str | None, task: str | None
) -> tuple[Format, Iterator[Row | Block]]:
    file_format = choose(file, format_name, task, say)
    if not file_format.binary:
        file = with_encoding(file, say, file_format.legacy)
    return file_format, _told(file_format, file, options, say)


def _told(file_format: Format, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row | Block]:
    """What a format reads; an error of its code is told with its name and distribution."""
    distribution = load_plugins().origin[f"format {file_format.name}"]
    try:
        parts = file_format.read(file, options, say)
        yield from parts if distribution.split(" ")[0] == OURS else _checked(parts)
    except (FrameworkError, MemoryError):
        raise
    except Exception as error:  # whatever a stranger's format raises
        what = f"{type(error).__name__}: {error}"
        raise FrameworkError(
            f"format {file_format.name!r} of {distribution} failed on {file.path}: {what}; data.format= chooses another"
        ) from error


def _checked(parts: Iterable[Row | Block]) -> Iterator[Row | Block]:
    """Raises TypeError for what no row is."""
    for part in parts:
        if isinstance(part, Block):
            odd = [field.name for field in part.columns.schema if str(field.type) != "large_string"]
            if odd:
                raise TypeError(f"the column {odd[0]!r} of a block holds no large strings")
        elif not isinstance(part, Row):
            raise TypeError(f"it gave {part!r}, which is no Row")
        elif not all(isinstance(text, str) for pair in part.values.items() for text in pair):
            odd = [name for name, value in part.values.items() if not (isinstance(name, str) and isinstance(value, str))]
            raise TypeError(f"line {part.line}: {odd[0]!r} is {part.values[odd[0]]!r}; names and values are texts, as written")
        yield part


def _rows(parts: Iterator[Row | Block]) -> Iterator[Row]:
    for part in parts:
        if isinstance(part, Row):
            yield part
            continue
        names = part.columns.schema.names
        for line, values in enumerate(zip(*(column.to_pylist() for column in part.columns.columns), strict=True), part.line):
            yield Row(line, dict(zip(names, values, strict=True)))


def named(rows: Iterator[Row], classes: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """Rows in which the integers of these columns are the names they stand for; -1 stands for a missing one."""
    return (Row(row.line, row.values | _by_name(row.values, classes)) for row in rows)


def _by_name(values: Mapping[str, str], classes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found = {}
    for column, names in classes.items():
        value = values.get(column, "")
        if value == "-1":
            found[column] = ""
        elif value not in names and value.isdecimal() and int(value) < len(names):
            found[column] = names[int(value)]
    return found
