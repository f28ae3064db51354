"""Files read by Arrow, a block at a time: the values that the careful readers give, without a Python object for each."""

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
ODD = (b"\0", b"\xef\xbb\xbf", b"\n\n", b"\n\r\n")  # NUL, byte order mark, blank lines: only for the careful reader
QUOTE = b'"'  # odd too, unless quotes are text

Say = Callable[[str], None]


class _Odd(Exception):  # noqa: N818, not an error: the careful reader goes on
    pass


class _Lines(NamedTuple):
    """names: of the columns; an empty one stands for a column that must hold nothing. header: lines above the rows.

    first: name of the first column, as written; None: there is no header that may stand between rows again.
    notes: what was repaired.
    """

    names: Sequence[str]
    delimiter: str
    header: int = 0
    first: str | None = None
    notes: Sequence[str] = ()


class Plain(NamedTuple):
    """rows: that came in blocks. whole: those are all."""

    rows: int
    whole: bool


def plain_rows(form: Delimited, file: Sniffed, options: ReadOptions, say: Say) -> Generator[Block, None, Plain]:
    """As far as a file is plain, its rows.

    Delimited text is plain as long as it is UTF-8 under a header whose lines have as many fields each, without a quote in it
    unless quotes are text. What was repaired is said only where that is all of the file.
    """
    lines = _lines(form, file, options.quote) if _is_utf8(file) else None
    if lines is None:
        return Plain(0, whole=False)
    plain = yield from _plain(file, lines, options.quote)
    for note in lines.notes if plain.whole else ():
        say(note)
    return plain


def plain_lines(file: Sniffed, names: Sequence[str], delimiter: str, options: ReadOptions) -> Generator[Block, None, Plain]:
    """The same of a file without a header. names: of the columns; an empty one stands for a column that must hold nothing.

    delimiter: one character.
    """
    return (yield from _plain(file, _Lines(names, delimiter), options.quote))


def _plain(file: Sniffed, lines: _Lines, quote: Quote | None) -> Generator[Block, None, Plain]:
    rows = 0
    if not _is_utf8(file):
        return Plain(0, whole=False)
    try:
        for batch in _batches(file, lines, ODD if quote is Quote.none else (*ODD, QUOTE)):
            yield Block(batch, rows + lines.header + 1)
            rows += len(batch)
    except (_Odd, pa.ArrowException):
        return Plain(rows, whole=False)
    return Plain(rows, whole=True)


def _is_utf8(file: Sniffed) -> bool:
    return file.encoding is not None and file.encoding.name == "utf-8"


def _lines(form: Delimited, file: Sniffed, quote: Quote | None) -> _Lines | None:
    """How the rows lie in the file; None where it is not surely plain."""
    notes: list[str] = []
    head = list(islice(io.StringIO(file.text, newline=""), HEAD))
    before, delimiter = find_header(file.path, head, notes.append, tabs=file.suffix in form.tabs)
    header = [] if before or notes else _header(head[0], delimiter)
    if len(header) < 2 or not all(header) or (quote is Quote.none and '"' in head[0]):
        return None
    names = column_names(file.path, 1, form.names(file, header, notes.append), notes.append)
    return _Lines(names, delimiter, 1, header[0], notes)


def _header(line: str, delimiter: str) -> list[str]:
    """The names, in quotes or not; none where how they are quoted tells something of the rows."""
    if not line.endswith("\n") or "'" in line or ' "' in line:
        return []
    try:
        names = next(records([line], delimiter=delimiter, strict=True))
    except CSVError:
        return []
    return [name.strip(" \t\ufeff\u200b\xa0") for name in names]


def _batches(file: Sniffed, lines: _Lines, odd: Sequence[bytes]) -> Iterator[pa.RecordBatch]:
    """Raises _Odd at what the careful reader must read."""
    names = [name or f"\0{number}" for number, name in enumerate(lines.names)]
    named = [number for number, name in enumerate(lines.names) if name]
    empty = [number for number, name in enumerate(lines.names) if not name]
    with file.open_bytes() as raw:
        for _ in range(lines.header):
            raw.readline()
        for block in _blocks(raw, odd):
            for batch in _parsed(block, names, lines.delimiter).to_batches():
                if lines.first is not None and _holds(batch.column(0), lines.first):
                    raise _Odd  # the header again, between the rows
                if not all(_is_empty(batch.column(number)) for number in empty):
                    raise _Odd
                yield batch.select(named)


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
