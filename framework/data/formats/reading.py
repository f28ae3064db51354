"""Reads files of rows, every value as the text that stands in the file."""

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
    """The rows of one or several files, and how they were read."""

    table: Table
    files: Sequence[Path]
    columns: Sequence[set[str]]
    """The headers of each file, in the order of `files`."""
    formats: Sequence[Format]
    """The format of each file, in the order of `files`."""
    lists: Sequence[Lists] = ()
    """Notes on columns whose texts are the JSON of lists."""

    def say_lists(self, say: Say, but: Collection[str] = ()) -> None:
        """Hands the notes on columns of lists to `say`. but: columns that need no note, because their lists are parsed."""
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
    """All rows of one or several files, in order.

    encoding: of all files; None: detected. say: takes a note on each repair and detection, once for several files; notes on
    columns of lists wait for `Read.say_lists`, when it is known which of them are read as texts. quote: what quotes mean in
    delimited text; None: detected. lists: see `ReadOptions.lists`. format_name: of all files; None: chosen for each file among
    the formats for every task and those for `task`. task: name of a task; None: only formats for every task. most: the largest
    number of rows to read of each file; None: all rows.

    Raises InputError for files that cannot be read; it names the first ragged rows of a file.
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
                parts = islice(name_classes(_rows(parts), file.classes), most)
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
    """The rows of one file in order, read lazily; parameters and errors are those of `read_table`."""
    yield from rows_of(sniff(path, encoding), ReadOptions(quote, lists), say, format_name, task)


def rows_of(file: Sniffed, options: ReadOptions, say: Say, format_name: str | None, task: str | None) -> Iterator[Row]:
    """The rows of a sniffed file in order, read lazily; parameters and errors are those of `read_table`."""
    return _rows(_read(file, options, say, format_name, task)[1])


def _read(
    file: Sniffed, options: ReadOptions, say: Say, format_name: str | None, task: str | None
) -> tuple[Format, Iterator[Row | Block]]:
    """The format of a file, and its rows and blocks."""
    file_format = choose(file, format_name, task, say)
    if not file_format.binary:
        file = with_encoding(file, say, file_format.legacy)
    return file_format, _read_parts(file_format, file, options, say)


def _read_parts(file_format: Format, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row | Block]:
    """The rows and blocks of a file, checked where the format comes from a plugin.

    Raises InputError for a file that cannot be read, and FrameworkError, with the format's name and distribution, for an
    unexpected error of the format's code.
    """
    distribution = load_plugins().origin[f"format {file_format.name}"]
    try:
        parts = file_format.read(file, options, say)
        yield from parts if distribution.split(" ")[0] == OURS else _checked(parts)
    except (FrameworkError, MemoryError):
        raise
    except Exception as error:  # a plugin's format may raise anything
        cause = f"{type(error).__name__}: {error}"
        raise FrameworkError(
            f"format {file_format.name!r} of {distribution} failed on {file.path}: {cause}; data.format= chooses another"
        ) from error


def _checked(parts: Iterable[Row | Block]) -> Iterator[Row | Block]:
    """The same parts. Raises TypeError for anything but rows of texts and blocks of large strings."""
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
    """The rows, those of blocks one by one."""
    for part in parts:
        if isinstance(part, Row):
            yield part
            continue
        names = part.columns.schema.names
        for line, values in enumerate(zip(*(column.to_pylist() for column in part.columns.columns), strict=True), part.line):
            yield Row(line, dict(zip(names, values, strict=True)))


def name_classes(rows: Iterator[Row], classes: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """The rows with class names in place of class numbers; -1 is a missing class, which becomes "".

    classes: column -> class names in the order of their numbers.
    """
    return (Row(row.line, row.values | _class_names(row.values, classes)) for row in rows)


def _class_names(values: Mapping[str, str], classes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    replaced = {}
    for column, names in classes.items():
        value = values.get(column, "")
        if value == "-1":
            replaced[column] = ""
        elif value not in names and value.isdecimal() and int(value) < len(names):
            replaced[column] = names[int(value)]
    return replaced
