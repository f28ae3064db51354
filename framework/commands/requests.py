"""``predict --file``: streams the rows of a file through a model and writes each row with its answer."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain, tee
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from framework.contracts.data.cells import STRUCTURED
from framework.contracts.data.format import Quote, ReadOptions, Sniffed
from framework.data.formats.json_rows import written
from framework.data.formats.notes import Lists
from framework.data.formats.reading import rows_of
from framework.data.formats.sniffing import sniff
from framework.data.joined import Columns, of_row, parts_of
from framework.errors import FrameworkError, InputError, some
from framework.machine.disk import whole
from framework.plugins import AnyTask

if TYPE_CHECKING:
    from framework.contracts.data.table import Row
    from framework.contracts.graph import Request
    from framework.runtime.model import Model

PREFIX = "predicted_"
SHAPES = 1024  # sets of JSON keys for which the columns by role are cached, at most


@dataclass(frozen=True)
class FileOfRows:
    """A file of requests, and how to read it; fields that are None are detected."""

    path: Path
    encoding: str | None = None
    quote: Quote | None = None
    columns: Mapping[str, Columns] = field(default_factory=dict)
    """Headers by role, for columns that are not recognised."""
    lists: Collection[str] = ()
    """See `ReadOptions.lists`."""
    format_name: str | None = None
    task: str | None = None
    """Name of the task whose formats are tried beside those for every task; None: only the latter."""

    @cached_property
    def sniffed(self) -> Sniffed:
        return sniff(self.path, self.encoding)

    def rows(self, say: Callable[[str], None]) -> Iterator[Row]:
        """Reads the rows lazily. say: takes notes on what was repaired or left out.

        Raises InputError for a file that cannot be read.
        """
        return rows_of(self.sniffed, ReadOptions(self.quote, self.lists), say, self.format_name, self.task)


def named_columns(task: AnyTask, options: Sequence[str]) -> dict[str, str]:
    """By role, the header that the options name: ``ROLE=NAME``, or ``NAME`` if the task needs only one column.

    Raises InputError for an unknown role, and for a role that is named twice.
    """
    roles = [column.role for column in task.answered]
    needed = [column.role for column in task.answered if not column.optional]
    only = (needed if len(needed) == 1 else roles)[0] if 1 in (len(needed), len(roles)) else None
    columns: dict[str, str] = {}
    for text in options:
        role, sign, name = text.partition("=")
        if not sign or role not in roles:
            role, name = only or "", text
        if not role or not name:
            raise InputError(f"--column {text}: write --column ROLE=NAME, where ROLE is {' or '.join(roles)}")
        if role in columns:
            raise InputError(f"--column {text}: {role} is the column {columns[role]!r} already")
        columns[role] = name
    return columns


def answer_file(model: Model, source: FileOfRows, out: Path, prefix: str = PREFIX) -> int:
    """Answers every row of a file and writes the rows with their answers to `out`, atomically. Returns the number of rows.

    The headers of the answer begin with `prefix`. From a JSON file to JSON lines, values keep their types. Raises InputError
    for a file without rows, naming a row that lacks a column or that the codec refuses, and for a column that the answer would
    replace.
    """
    from tqdm import tqdm

    count = 0
    with whole(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        lists: set[str] = set()  # headers of columns whose cells the codec reads as lists
        rows, answered = tee(source.rows(lambda note: _print_note(note, lists)))
        first = next(rows, None)
        if first is None:
            raise InputError(f"{source.path} has no rows")
        write = _lines(stream) if out.suffix == ".jsonl" else _table(stream, _header(source, first), out.suffix)
        responses = model.answer(_requests(model, source, chain([first], rows), lists))
        for row, response in tqdm(zip(answered, responses, strict=True), unit=" rows", disable=None):
            answer = response if out.suffix == ".jsonl" else model.codec.flatten(response)
            write(row, _with_prefix(source, row, answer, prefix))
            count += 1
    return count


def _print_note(note: str, lists: Collection[str]) -> None:
    """Prints a note of the reader, unless the note is about lists in one of the columns `lists`."""
    if not isinstance(note, Lists) or note.column not in lists:
        print(note, file=sys.stderr)


def _requests(model: Model, source: FileOfRows, rows: Iterator[Row], lists: set[str]) -> Iterator[Request]:
    """The codec's requests of the rows; JSON objects may differ in their keys. lists: gets the headers of structured columns.

    Raises InputError naming a row that lacks a column or that the codec refuses.
    """
    structured = {column.role for column in model.task.answered if column.kind in STRUCTURED}

    @lru_cache(SHAPES)
    def columns_of(names: tuple[str, ...]) -> dict[str, Columns]:
        columns = model.column_names(names, source.columns)
        lists.update(name for role in structured & columns.keys() for name in parts_of(columns[role]))
        return columns

    for row in rows:
        where = f"{source.path}, line {row.line}"
        try:
            columns = columns_of(tuple(row.values))
        except InputError as error:
            place = source.path if row.record is None else where  # a JSON object has keys of its own
            raise InputError(*(f"{place}: {problem}" for problem in error.problems)) from error
        try:
            yield model.codec.parse({role: of_row(row.values, names) for role, names in columns.items()})
        except InputError as error:
            raise InputError(*(f"{where}: {problem}" for problem in error.problems)) from error


def _with_prefix(source: FileOfRows, row: Row, answer: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The answer with `prefix` before the names of its fields. Raises InputError if the row has one of these names."""
    prefixed = {f"{prefix}{name}": value for name, value in answer.items()}
    twice = sorted(prefixed.keys() & (row.values.keys() | (row.record or {}).keys()))
    if twice:
        raise InputError(
            f"{source.path}, line {row.line}: it has {some(twice)} already, which the answer would replace; "
            "--prefix NAME_ gives the answer's columns other names"
        )
    return prefixed


Write = Callable[["Row", dict[str, Any]], None]


def _lines(stream: IO[str]) -> Write:
    return lambda row, answer: _write_line(stream, row, answer)


def _write_line(stream: IO[str], row: Row, answer: dict[str, Any]) -> None:
    stream.write(f"{written({**(row.values if row.record is None else row.record), **answer})}\n")


def _table(stream: IO[str], names: Sequence[str], suffix: str) -> Write:
    """A function that writes rows with their answers as a CSV or TSV table.

    names: headers before those of the answer. suffix: of the file that is written.
    """
    table = csv.writer(stream, delimiter="\t" if suffix == ".tsv" else ",")
    header: list[str] = []

    def write(row: Row, answer: dict[str, Any]) -> None:
        if not header:
            header.extend([*names, *answer])
            table.writerow(header)
        values = row.values | answer
        if more := sorted(answer.keys() - set(header)):
            raise FrameworkError(
                f"line {row.line} is answered with the column {more[0]!r}, which the header written before lacks: "
                "write the answers as JSON, --out NAME.jsonl"
            )
        table.writerow([values.get(name, "") for name in header])

    return write


def _header(source: FileOfRows, first: Row) -> list[str]:
    """The headers of the file. JSON objects may differ in their keys, so a JSON file is read once more for those of all rows.

    first: the first row.
    """
    if first.record is None:
        return list(first.values)
    return list(dict.fromkeys(name for row in source.rows(lambda note: None) for name in row.values))
