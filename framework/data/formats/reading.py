"""Reads labelled files row by row, every value as the text that stands in the file."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from framework.contracts.table import Row, Table
from framework.data.formats.delimited import delimited_rows
from framework.data.formats.encodings import decide_encoding
from framework.data.formats.json_rows import json_rows
from framework.data.formats.layouts import ENCODING, layout_of, layout_rows
from framework.data.formats.lists import Lists, sentences
from framework.data.formats.of_tasks import NO_FORMATS, rows_by_task
from framework.data.formats.parquet import parquet_rows
from framework.data.formats.quotes import Quote
from framework.data.formats.sniffing import PARQUET, Format, folder_hint, format_by_name, format_by_text, open_bytes, read_head
from framework.data.formats.yaml_rows import yaml_rows
from framework.data.sources import File
from framework.errors import InputError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Read:
    """columns: those of each file, in the order of the files. lists: those whose texts are the JSON of lists."""

    table: Table
    files: Sequence[Path]
    columns: Sequence[set[str]]
    lists: Sequence[Lists] = ()

    def say_lists(self, say: Say, but: Collection[str] = ()) -> None:
        """What is true of columns that hold lists and are read as texts. but: columns whose lists are read as they are."""
        notes = _Notes()
        for file, sentence in sentences(self.lists, but):
            notes.add(file, sentence)
        notes.say(say)


def read_table(
    files: Sequence[File],
    encoding: str | None = None,
    say: Say = lambda _: None,
    quote: Quote | None = None,
    lists: Collection[str] = (),
    reads: Mapping[str, str] = NO_FORMATS,
) -> Read:
    """All rows of one or several files, in order. say: called with each repair and each thing that was detected. quote: what
    quotes are in delimited text; None: found out. lists: plain names of columns whose lists count, whatever they hold. reads: a
    task's own formats, see `Task.reads`.

    What is true of several files is said once; of lists in columns `Read.say_lists` tells what is true of them once it is known
    which are read as texts. Raises InputError for what cannot be read, naming every ragged row of a file
    (the first few).
    """
    from framework.data.formats.arrow import TableBuilder
    from framework.data.formats.arrow_csv import add_plain

    builder = TableBuilder([file.path for file in files])
    notes = _Notes()
    try:
        for number, file in enumerate(files):
            say_of = partial(notes.add, file.path.name)
            if (own := rows_by_task(file.path, reads)) is not None:
                builder.extend(number, own)
                continue
            done, whole = 0, False
            if not file.classes:
                done, whole = add_plain(file.path, encoding, partial(builder.add, number), say_of, quote, lists)
            if not whole:
                rows = islice(iter_rows(file.path, encoding, say_of, quote, lists), done, None)
                builder.extend(number, named(rows, file.classes))
    finally:
        notes.say(say)
    return Read(builder.table(), builder.files, builder.columns, notes.lists)


class _Notes:
    """Sentences about files: those that differ only in the file, or in the number they begin with, become one."""

    def __init__(self) -> None:
        self.files: dict[str, list[str]] = {}
        self.counts: Counter[str] = Counter()
        self.lists: list[Lists] = []

    def add(self, name: str, note: str) -> None:
        if isinstance(note, Lists):
            self.lists.append(note)
            return
        count = re.match(r"[\d,]+(?= )", note)
        alike = note[count.end() if count else 0 :].replace(name, "\0")
        self.files.setdefault(alike, []).append(name)
        self.counts[alike] += int(count.group().replace(",", "")) if count else 0

    def say(self, say: Say) -> None:
        for alike, names in self.files.items():
            more = f" and {len(names) - 1:,} more files" if len(names) > 1 else ""
            count = f"{self.counts[alike]:,}" if self.counts[alike] else ""
            say(count + alike.replace("\0", names[0] + more))


def iter_rows(
    path: Path,
    encoding: str | None = None,
    say: Say = lambda _: None,
    quote: Quote | None = None,
    lists: Collection[str] = (),
    reads: Mapping[str, str] = NO_FORMATS,
) -> Iterator[Row]:
    """Rows in order, read as they are asked for; see `read_table`. Raises InputError for what cannot be read."""
    if path.is_dir():
        raise InputError(folder_hint(path))
    if (own := rows_by_task(path, reads)) is not None:
        yield from own
        return
    head = read_head(path)
    suffix, promised = format_by_name(path)
    if head.startswith(PARQUET):
        if promised != "parquet":
            say(f"{path.name} is a Parquet file, whatever its name, and was read as one")
        yield from parquet_rows(path, say, lists)
        return
    if promised == "parquet":
        raise InputError(f"{path} is no Parquet file, whatever its name{'; it is empty' if not head else ''}")
    layout = layout_of(path)
    used = decide_encoding(path, head, encoding, say, ENCODING if layout else None)
    if layout:
        with _text(path, used) as stream:
            yield from layout_rows(path, layout, stream, say)
        return
    kind = format_by_text(path, promised, head.decode(used, "replace"))
    if kind != promised:
        say(f"{path.name} was read as {'JSON' if kind == 'json' else 'delimited text'}, which it is, whatever its name")
    yield from _text_rows(path, used, "" if kind != promised else suffix, kind, say, quote)


def _text_rows(path: Path, encoding: str, suffix: str, kind: Format, say: Say, quote: Quote | None) -> Iterator[Row]:
    with _text(path, encoding) as stream:
        if kind == "delimited":
            yield from delimited_rows(path, stream, suffix, say, quote)
        else:
            yield from (json_rows if kind == "json" else yaml_rows)(path, stream, say)


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Raises InputError for a byte that the encoding does not have."""
    try:
        with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not {encoding}: byte {error.object[error.start]:#04x}; "
            "give its encoding (data.encoding=latin-1; predict --encoding latin-1)"
        ) from error


def named(rows: Iterator[Row], classes: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """Rows in which the integers of these columns are the names they stand for; -1 stands for a missing one."""
    if not classes:
        return rows
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
