"""Reads labelled files row by row, every value as the text that stands in the file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from framework.data.table import Table
from framework.errors import InputError

DELIMITERS = {".csv": None, ".tsv": "\t", ".tab": "\t"}
FORMATS = (*DELIMITERS, ".jsonl", ".ndjson")
MAX_FIELD = 64 * 1024 * 1024  # characters in one value
MAX_SHOWN = 5  # broken rows named in one message

csv.field_size_limit(MAX_FIELD)


class Row(NamedTuple):
    line: int
    values: dict[str, str]


def read_table(path: Path, encoding: str | None = None) -> tuple[Table, str]:
    """A whole file and the encoding it was read in. Raises InputError naming every ragged row (the first few)."""
    used = encoding or detect_encoding(path)
    columns: dict[str, list[str]] = {}
    lines: list[int] = []
    for row in iter_rows(path, used):
        if not columns:
            columns = {name: [] for name in row.values}
        for name in row.values.keys() - columns.keys():
            columns[name] = [""] * len(lines)
        for name, values in columns.items():
            values.append(row.values.get(name, ""))
        lines.append(row.line)
    if not lines:
        raise InputError(f"{path} has no rows; it needs a header line and one labelled row a line")
    return Table(columns, lines, str(path)), used


def iter_rows(path: Path, encoding: str | None = None) -> Iterator[Row]:
    """Rows in order, read as they are asked for. Raises InputError for what cannot be read."""
    if path.is_dir() or path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot read {path}: a file must end in one of {', '.join(FORMATS)}")
    used = encoding or detect_encoding(path)
    try:
        with path.open(encoding=used, newline="") as stream:
            yield from _json_lines(path, stream) if path.suffix.lower() not in DELIMITERS else _delimited(path, stream)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not {used}: byte {error.object[error.start]:#04x}; "
            "give its encoding (data.encoding=latin-1; predict --encoding latin-1)"
        ) from error
    except LookupError as error:
        raise InputError(f"no encoding {used!r}; examples: utf-8, latin-1, cp1252, utf-16, gb18030") from error


def detect_encoding(path: Path) -> str:
    """A byte order mark decides, then valid UTF-8; otherwise cp1252, in which any Western file can be read."""
    with path.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        stream.seek(0)
        decoder = io.TextIOWrapper(stream, encoding="utf-8")
        try:
            while decoder.read(1 << 20):
                pass
        except UnicodeDecodeError:
            return "cp1252" if _decodes(path, "cp1252") else "latin-1"
    return "utf-8-sig"


def _decodes(path: Path, encoding: str) -> bool:
    try:
        path.read_text(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _delimited(path: Path, stream: Any) -> Iterator[Row]:
    before, header_line = next(((n, line) for n, line in enumerate(stream) if line.strip()), (0, None))
    if header_line is None:
        raise InputError(f"{path} is empty; it needs a header line and one labelled row a line")
    delimiter = DELIMITERS[path.suffix.lower()] or _delimiter(header_line)
    reader = csv.reader(_chain(header_line, stream), delimiter=delimiter, strict=True)
    header = [name.strip() for name in next(_records(path, reader))]
    _check_header(path, header)
    with _ragged(path, len(header)) as ragged:
        start = before + reader.line_num + 1
        for record in _records(path, reader):
            line, start = start, before + reader.line_num + 1
            if not record:
                continue
            if len(record) != len(header):
                ragged(line, len(record))
            else:
                yield Row(line, {name: value for name, value in zip(header, record, strict=True) if name})


def _records(path: Path, reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: {error}; a quote inside a quoted field is written twice, and the field closes"
        ) from error


def _check_header(path: Path, header: list[str]) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise InputError(f"{path}, line 1: the header names {', '.join(map(repr, twice))} twice; rename one column")


@contextmanager
def _ragged(path: Path, width: int) -> Iterator[Any]:
    """Collects rows of the wrong width, so that one message names them all and none is dropped unseen."""
    found: list[str] = []
    more = 0

    def ragged(line: int, fields: int) -> None:
        nonlocal more
        if len(found) < MAX_SHOWN:
            found.append(f"{path}, line {line}: {fields} fields where the header has {width}")
        else:
            more += 1

    yield ragged
    if found:
        rest = f" (and {more} more lines)" if more else ""
        raise InputError(*found[:-1], found[-1] + rest + "; quote fields that contain the delimiter or a line break")


def _json_lines(path: Path, stream: Any) -> Iterator[Row]:
    for line, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            record = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        except ValueError as error:
            raise InputError(f"{path}, line {line}: not JSON: {error}") from error
        if not isinstance(record, Mapping):
            raise InputError(f'{path}, line {line}: each line must be an object, {{"text": ..., "label": ...}}')
        values = {str(name).strip(): _as_text(value) for name, value in record.items()}
        if any(re.search("[\ud800-\udfff]", value) for value in values.values()):
            raise InputError(f"{path}, line {line}: not valid Unicode, it holds half of a surrogate pair (\\ud800 to \\udfff)")
        yield Row(line, values)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _delimiter(header: str) -> str:
    """The delimiter that stands most often in the header line, outside quotes; a comma when none does."""
    outside = "".join(part for i, part in enumerate(header.split('"')) if i % 2 == 0)
    return max(",;\t|", key=outside.count)


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
