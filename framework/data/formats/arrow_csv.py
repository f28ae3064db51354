"""Delimited text read by Arrow, a block at a time and without a Python object for each value.

Arrow reads only what it certainly reads as the row-by-row reader does; the latter reads the rest of a file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator, Sequence
from csv import Error as CSVError
from csv import reader as records
from itertools import islice
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from framework.contracts.data.format import Block, Quote, ReadOptions, Sniffed
from framework.data.formats.delimited import Delimited
from framework.data.formats.headers import HEAD, column_names, find_header

BLOCK = 4 << 20  # bytes parsed at a time
ODD = (b"\0", b"\xef\xbb\xbf", b"\n\n", b"\n\r\n")  # NUL, byte order mark, blank lines: left to the row-by-row reader
QUOTE = b'"'  # left to the row-by-row reader too, unless quotes are text

Say = Callable[[str], None]


class _Odd(Exception):  # noqa: N818, not an error: the row-by-row reader goes on
    """The lines may be read differently by Arrow and by the row-by-row reader."""


class _LineLayout(NamedTuple):
    """How the rows lie in the lines of a file."""

    names: Sequence[str]
    """Headers; an empty one stands for a column that must be empty in every row."""
    delimiter: str
    header: int = 0
    """Number of lines above the rows: 1 in a file with a header, else 0."""
    first: str | None = None
    """The header of the first column, as in the file, by which a header line between the rows is found; None: the file has no
    header."""
    notes: Sequence[str] = ()
    """What was repaired."""


class PlainRead(NamedTuple):
    """How much of a file was read in blocks."""

    rows: int
    complete: bool
    """The file has no further rows."""


def plain_rows(form: Delimited, file: Sniffed, options: ReadOptions, say: Say) -> Generator[Block, None, PlainRead]:
    """Blocks of the rows of a file with a header, as far as the file is plain.

    Delimited text is plain as long as it is UTF-8, every line has as many fields as the header, and no line holds a quote
    unless quotes are text. Notes on repairs are made only where the whole file is plain.
    """
    layout = _layout(form, file, options.quote) if _is_utf8(file) else None
    if layout is None:
        return PlainRead(0, complete=False)
    plain = yield from _plain_blocks(file, layout, options.quote)
    for note in layout.notes if plain.complete else ():
        say(note)
    return plain


def plain_lines(file: Sniffed, names: Sequence[str], delimiter: str, options: ReadOptions) -> Generator[Block, None, PlainRead]:
    """Blocks of the rows of a file without a header, as far as the file is plain, as `plain_rows` defines it.

    names: of the columns; an empty name stands for a column that must be empty in every row. delimiter: one character.
    """
    return (yield from _plain_blocks(file, _LineLayout(names, delimiter), options.quote))


def _plain_blocks(file: Sniffed, layout: _LineLayout, quote: Quote | None) -> Generator[Block, None, PlainRead]:
    rows = 0
    if not _is_utf8(file):
        return PlainRead(0, complete=False)
    try:
        for batch in _batches(file, layout, ODD if quote is Quote.none else (*ODD, QUOTE)):
            yield Block(batch, rows + layout.header + 1)
            rows += len(batch)
    except (_Odd, pa.ArrowException):
        return PlainRead(rows, complete=False)
    return PlainRead(rows, complete=True)


def _is_utf8(file: Sniffed) -> bool:
    return file.encoding is not None and file.encoding.name == "utf-8"


def _layout(form: Delimited, file: Sniffed, quote: Quote | None) -> _LineLayout | None:
    """The layout by the first lines of the file; None where these are not certainly plain."""
    notes: list[str] = []
    head = list(islice(io.StringIO(file.text, newline=""), HEAD))
    before, delimiter = find_header(file.path, head, notes.append, tabs=file.suffix in form.tabs)
    header = [] if before or notes else _header(head[0], delimiter)
    if len(header) < 2 or not all(header) or (quote is Quote.none and '"' in head[0]):
        return None
    names = column_names(file.path, 1, form.names(file, header, notes.append), notes.append)
    return _LineLayout(names, delimiter, 1, header[0], notes)


def _header(line: str, delimiter: str) -> list[str]:
    """The names in the header line, quoted or not; none where its quoting needs the row-by-row reader."""
    if not line.endswith("\n") or "'" in line or ' "' in line:
        return []
    try:
        names = next(records([line], delimiter=delimiter, strict=True))
    except CSVError:
        return []
    return [name.strip(" \t\ufeff\u200b\xa0") for name in names]


def _batches(file: Sniffed, layout: _LineLayout, odd: Sequence[bytes]) -> Iterator[pa.RecordBatch]:
    """The named columns of the rows. Raises _Odd at lines for the row-by-row reader. odd: byte strings that mark such lines."""
    names = [name or f"\0{number}" for number, name in enumerate(layout.names)]
    named = [number for number, name in enumerate(layout.names) if name]
    empty = [number for number, name in enumerate(layout.names) if not name]
    with file.open_bytes() as raw:
        for _ in range(layout.header):
            raw.readline()
        for block in _blocks(raw, odd):
            for batch in _parsed(block, names, layout.delimiter).to_batches():
                if layout.first is not None and _holds(batch.column(0), layout.first):
                    raise _Odd  # the header again, between the rows
                if not all(_is_empty(batch.column(number)) for number in empty):
                    raise _Odd
                yield batch.select(named)


def _parsed(block: bytes, names: Sequence[str], delimiter: str) -> pa.Table:
    """The rows of a block of complete lines.

    Arrow gets bytes, not the file: its threads would read the file ahead, and a process that ends while such a thread runs
    Python code, as after an error in the rows, is aborted.
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
    """The complete lines of a file, about `BLOCK` bytes at a time. Raises _Odd at lines for the row-by-row reader."""
    rest = b""
    while block := raw.read(BLOCK):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield _checked(lines + end, odd)
    if rest:
        yield _checked(rest, odd)


def _checked(lines: bytes, odd: Sequence[bytes]) -> bytes:
    """The same lines. Raises _Odd for lines that hold one of `odd`, or a lone carriage return, at which only one reader ends a
    line.
    """
    if any(mark in b"\n" + lines for mark in odd) or lines.count(b"\r") != lines.count(b"\r\n"):
        raise _Odd
    return lines
