"""Reads JSON: one object a line, or an array or a sequence of objects over many lines. Values become texts as written."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, ClassVar

from framework.contracts.data.format import Block, Claim, Format, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row
from framework.contracts.message import message
from framework.data.formats.delimited import JSON, Csv
from framework.data.formats.notes import VALUES, Lists
from framework.errors import InputError


class Number(str):
    """A number of a JSON file, as it is written there: 1.0 stays 1.0."""


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=Number)
BLOCK = 1 << 20  # characters read at a time
EXAMPLE = '{"text": ..., "label": ...}'
_BETWEEN = re.compile(r"[\s,]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def written(value: Any) -> str:
    """The JSON of a decoded value, with its numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{written(str(key))}: {written(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return json.dumps(value, ensure_ascii=False)


class Json(Format):
    """JSON files: one object a line, an array of objects, or a sequence of objects."""

    name: ClassVar[str] = "json"
    suffixes: ClassVar[tuple[str, ...]] = JSON

    def claims(self, file: Sniffed) -> Claim | None:
        if file.suffix in Csv.suffixes and re.match(r'\[?\s*\{\s*"', file.text.lstrip("\ufeff \t\r\n")):
            return Claim(Sure.CERTAIN, "it begins with an object")
        return super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The objects in order as rows. say: takes notes on a file that is not one object a line, and on columns of lists.

        Raises InputError for text that is not JSON, and for JSON that is no sequence of objects.
        """
        if file.suffix not in self.suffixes:
            say(message("{file} was read as JSON, which it is, whatever its name", file=file.path.name))
        with file.open_text() as stream:
            yield from flattened(file.path, _objects(file, _records(file.path, stream, say)), say)


def flattened(path: Path, records: Iterator[tuple[int, dict[str, Any]]], say: Callable[[str], None]) -> Iterator[Row]:
    """A row for each (line, record): values of inner objects become columns of their own, lists become JSON text, with a note.

    Raises InputError for half surrogate pairs, and for keys that differ only in spaces around them.
    """
    nested: Counter[str] = Counter()
    for line, record in records:
        values = {}
        pairs = list(_flat(record))
        for name, value in pairs:
            if isinstance(value, list):
                nested[name] += 1
            text = str(value) if isinstance(value, str) else _as_text(value)
            if not text.isascii() and _SURROGATE.search(text):
                raise InputError(
                    f"{path}, line {line}: not valid Unicode, it holds half of a surrogate pair (\\ud800 to \\udfff)"
                )
            values[name.strip()] = text
        if len(values) < len(pairs):
            raise InputError(f"{path}, line {line}: keys differ only in spaces around them; rename one")
        yield Row(line, values, record)
    for name, count in nested.items():
        say(Lists(VALUES, path.name, name.strip(), count))


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(column name, value) of a record; values of an inner object go by both keys, ``summary.outcome``."""
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _objects(file: Sniffed, records: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records, checked. Raises InputError for a record that is no object, and for a lone object that holds all rows."""
    first = None
    for count, (line, record) in enumerate(records):
        if not isinstance(record, dict):
            raise InputError(f"{file.path}, line {line}: each line must be an object, {EXAMPLE}")
        if not count:
            first = line, record  # checked for holding all rows only if no other object follows
            continue
        if first is not None:
            yield first
            first = None
        yield line, record
    if first is not None:
        _check_single_object(file, *first)
        yield first


def _check_single_object(file: Sniffed, line: int, record: dict[str, Any]) -> None:
    """Raises InputError where the only object of a file holds all rows: all of its values are lists or objects, as in
    `{"data": [...]}` or in pandas' column-wise JSON.

    In a file that promises an object a line, a single list belongs to a row: `{"messages": [...]}`.
    """
    row = len(record) == 1 and file.suffix in (".jsonl", ".ndjson")
    if record and not row and all(isinstance(value, list | dict) for value in record.values()):
        names = ", ".join(repr(name) for name in list(record)[:3])
        raise InputError(
            f"{file.path}, line {line}: one object holds lists or objects under {names}; "
            f"write one object for each row, {EXAMPLE} (pandas: orient='records', lines=True)"
        )


def _as_text(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _records(path: Path, stream: IO[str], say: Callable[[str], None]) -> Iterator[tuple[int, Any]]:
    """(line, value) of each JSON value; the first line decides whether there is one value a line.

    Raises InputError for text that is not JSON.
    """
    lines = ((number, line.lstrip("\ufeff")) for number, line in enumerate(stream, start=1))
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    try:
        record = DECODER.decode(first[1])
        scattered = isinstance(record, list) and bool(record) and isinstance(record[0], dict)
    except ValueError as error:
        if not first[1].lstrip().startswith(("{", "[")):
            raise InputError(f"{path}, line {first[0]}: not JSON: {error}") from error
        scattered = True
    if scattered:
        yield from _scattered(path, first[0], chain([first[1]], (line for _, line in lines)))
        say(message("{file} is not one JSON object a line; its objects were read wherever they end", file=path.name))
        return
    yield first[0], record
    for number, text in lines:
        if text.strip():
            try:
                yield number, DECODER.decode(text)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: not JSON: {error}") from error


def _scattered(path: Path, line: int, lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    """(line, object) of objects in an array or one after another, over any number of lines. line: number of the first line.

    Raises InputError for text that is not JSON, and for an array that is not closed.
    """
    buffer, ended = _more("", lines)
    position = counted = 0
    array = False
    while True:
        position = _BETWEEN.match(buffer, position).end()  # type: ignore[union-attr]  # it matches nothing too
        line += buffer.count("\n", counted, position)
        counted = position
        if position == len(buffer):
            if ended:
                break
            buffer, ended = _more("", lines)
            position = counted = 0
        elif buffer[position] in "[]":
            if array == (buffer[position] == "["):
                raise InputError(f"{path}, line {line}: each element must be an object, {EXAMPLE}")
            array, position = not array, position + 1
        else:
            try:
                record, position = DECODER.raw_decode(buffer, position)
                yield line, record
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(buffer) - 10
                if ended or not cut:
                    wrong = line + buffer.count("\n", counted, error.pos)
                    raise InputError(f"{path}, line {wrong}: not JSON: {error.msg}") from error
                buffer, ended = _more(buffer[position:], lines)
                position = counted = 0
    if array:
        raise InputError(f"{path}, line {line}: the JSON array is not closed; the file is cut off")


def _more(buffer: str, lines: Iterator[str]) -> tuple[str, bool]:
    """`buffer` with further lines, at least twice as long and at least `BLOCK` characters longer, unless the file has ended;
    and whether it has ended.

    Doubling keeps a huge object from being parsed again for every block.
    """
    parts, wanted = [buffer], max(BLOCK, len(buffer))
    for line in lines:
        parts.append(line)
        wanted -= len(line)
        if wanted <= 0:
            return "".join(parts), False
    return "".join(parts), True
