"""Files read by Arrow, a block at a time: the values that the careful readers give, without a Python object for each."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Sequence
from csv import Error as CSVError
from csv import reader as records
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from framework.data.formats.encodings import decide_encoding
from framework.data.formats.headers import HEAD, column_names, find_header
from framework.data.formats.layouts import layout_of, read_as
from framework.data.formats.parquet import parquet_batches
from framework.data.formats.quotes import Quote
from framework.data.formats.sniffing import PARQUET, format_by_name, format_by_text, open_bytes, read_head

BLOCK = 4 << 20  # bytes parsed at a time
ODD = (b"\0", b"\xef\xbb\xbf", b"\n\n", b"\n\r\n")  # NUL, byte order mark, blank lines: only for the careful reader
QUOTE = b'"'  # odd too, unless quotes are text

Add = Callable[[pa.RecordBatch, int], None]


class _Odd(Exception):  # noqa: N818, not an error: the careful reader goes on
    pass


class _Lines(NamedTuple):
    """names: of the columns; an empty one stands for a column that must hold nothing. header: lines above the rows."""

    names: Sequence[str]
    delimiter: str
    header: int
    first: str | None  # name of the first column, as written
    notes: Sequence[str]


def add_plain(
    path: Path,
    encoding: str | None,
    add: Add,
    say: Callable[[str], None],
    quote: Quote | None = None,
    lists: Collection[str] = (),
) -> tuple[int, bool]:
    """As far as a file is plain, its rows: `add` is called with columns of large strings and the line of the first row.

    Delimited text is plain as long as it is UTF-8 under a header (or of a known layout) whose lines have as many fields
    each, without a quote in it unless quotes are text. Returns the rows added and whether those are all; what was repaired
    is said only then.
    """
    if path.is_dir():
        return 0, False
    head = read_head(path)
    if head.startswith(PARQUET):
        return (_add_parquet(path, add, say, lists), True) if format_by_name(path)[1] == "parquet" else (0, False)
    found = _lines(path, head, encoding, quote)
    if found is None:
        return 0, False
    rows, whole = _add_lines(path, found, add, ODD if quote is Quote.none else (*ODD, QUOTE))
    if whole:
        for note in found.notes:
            say(note)
    return rows, whole


def _add_parquet(path: Path, add: Add, say: Callable[[str], None], lists: Collection[str]) -> int:
    rows = 0
    for batch in parquet_batches(path, say, lists):
        add(batch, rows + 1)
        rows += len(batch)
    return rows


def _lines(path: Path, head: bytes, encoding: str | None, quote: Quote | None) -> _Lines | None:
    """How the rows lie in the file; None where it is not surely plain."""
    suffix, promised = format_by_name(path)
    notes: list[str] = []
    if promised != "delimited":
        return None
    if decide_encoding(path, head, encoding, notes.append, "latin-1" if layout_of(path) else None) != "utf-8" or notes:
        return None
    text = head.decode("utf-8", "replace")
    layout = layout_of(path)
    if layout:
        between = ("",) if layout.delimiter == "::" else ()
        names = [name for column in layout.names for name in (column, *between)][: -len(between) or None]
        return None if layout.row else _Lines(names, layout.delimiter[0], 0, None, [read_as(path, layout)])
    if format_by_text(path, promised, text) != promised:
        return None
    lines = list(islice(io.StringIO(text, newline=""), HEAD))
    before, delimiter = find_header(path, lines, suffix, notes.append)
    header = [] if before or notes else _header(lines[0], delimiter)
    if len(header) < 2 or not all(header) or (quote is Quote.none and '"' in lines[0]):
        return None
    return _Lines(column_names(path, 1, header, notes.append), delimiter, 1, header[0], notes)


def _header(line: str, delimiter: str) -> list[str]:
    """The names, in quotes or not; none where how they are quoted tells something of the rows."""
    if not line.endswith("\n") or "'" in line or ' "' in line:
        return []
    try:
        names = next(records([line], delimiter=delimiter, strict=True))
    except CSVError:
        return []
    return [name.strip(" \t\ufeff\u200b\xa0") for name in names]


def _add_lines(path: Path, lines: _Lines, add: Add, odd: Sequence[bytes]) -> tuple[int, bool]:
    names = [name or f"\0{number}" for number, name in enumerate(lines.names)]
    kept = [number for number, name in enumerate(lines.names) if name]
    rows = 0
    try:
        with open_bytes(path) as raw:
            for _ in range(lines.header):
                raw.readline()
            for block in _blocks(raw, odd):
                for batch in _parsed(block, names, lines.delimiter).to_batches():
                    if lines.first is not None and _holds(batch.column(0), lines.first):
                        return rows, False  # the header again, between the rows
                    if any(not _is_empty(batch.column(i)) for i in range(len(names)) if i not in kept):
                        return rows, False
                    add(batch.select(kept), rows + lines.header + 1)
                    rows += len(batch)
    except (_Odd, pa.ArrowException):
        return rows, False
    return rows, True


def _parsed(block: bytes, names: Sequence[str], delimiter: str) -> pa.Table:
    """The rows of whole lines.

    Arrow gets bytes and no file: its threads would read a file ahead, and a process that ends while one of them is inside
    Python, as after an error in the rows, is aborted.
    """
    return csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(block_size=len(block), column_names=names),
        csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
        csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string())),
    )


def _holds(column: pa.Array, value: str) -> bool:
    return bool(pc.any(pc.equal(column, value)).as_py())


def _is_empty(column: pa.Array) -> bool:
    return not pc.sum(pc.binary_length(column)).as_py()


def _blocks(raw: IO[bytes], odd: Sequence[bytes]) -> Iterator[bytes]:
    """The whole lines of a file, about `BLOCK` bytes at a time. Raises _Odd at what the careful reader must read: a carriage
    return alone is odd too, for it ends a line for one reader and not for another.
    """
    rest = b""
    while block := raw.read(BLOCK):
        whole, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield _checked(whole + end, odd)
    if rest:
        yield _checked(rest, odd)


def _checked(lines: bytes, odd: Sequence[bytes]) -> bytes:
    if any(mark in b"\n" + lines for mark in odd) or lines.count(b"\r") != lines.count(b"\r\n"):
        raise _Odd
    return lines
