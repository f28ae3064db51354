"""Builds a `Table` whose texts lie in Arrow memory: small tables in RAM, larger ones in memory-mapped files."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from framework.contracts.data.format import Block
from framework.contracts.data.table import Row, Table, Texts
from framework.errors import FrameworkError, InputError

try:
    import pyarrow as pa
except ImportError as missing:
    raise FrameworkError("reading training data needs pyarrow: pip install 'recipe-framework[train]'") from missing

ROWS = 16_384  # rows of a chunk, at most
CHARACTERS = 16 << 20  # characters of a chunk, about
IN_MEMORY = 64 << 20  # bytes of chunks that stay in memory, about


class TableBuilder:
    """Collects rows, about `IN_MEMORY` bytes of them in memory.

    Further rows are moved to temporary files in TMPDIR without a name, which vanish however the process ends. Rows may have
    different columns; a missing value is an empty text.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.columns: list[set[str]] = [set() for _ in files]
        """The headers of each file, in the order of `files`."""
        self._memory: list[pa.RecordBatch] = []
        self._chunks: list[pa.RecordBatch] = []
        self._lines, self._file_of = array("q"), array("i")

    def extend(self, file: int, parts: Iterable[Row | Block]) -> None:
        """Adds the rows of one file. file: its position in `files`. Raises FrameworkError where the disk is full."""
        values: list[dict[str, str]] = []
        lines: list[int] = []
        characters = 0
        for part in parts:
            if isinstance(part, Row):
                values.append(part.values)
                lines.append(part.line)
                characters += sum(map(len, part.values.values()))
            if isinstance(part, Block) or len(values) == ROWS or characters > CHARACTERS:
                self._add_chunk(file, values, lines)
                values, lines, characters = [], [], 0
            if isinstance(part, Block):
                self._add_block(file, part)
        self._add_chunk(file, values, lines)

    def _add_chunk(self, file: int, rows: Sequence[Mapping[str, str]], lines: Sequence[int]) -> None:
        names = dict.fromkeys(chain.from_iterable(rows))
        if not names:
            return
        texts = [pa.array([row.get(name, "") for row in rows], pa.large_string()) for name in names]
        self._add(file, pa.RecordBatch.from_arrays(texts, names=list(names)), np.asarray(lines, dtype=np.int64))

    def _add_block(self, file: int, block: Block) -> None:
        count = len(block.columns)
        if count:
            self._add(file, block.columns, np.arange(block.line, block.line + count, dtype=np.int64))

    def _add(self, file: int, batch: pa.RecordBatch, lines: np.ndarray) -> None:
        self.columns[file].update(batch.schema.names)
        self._lines.frombytes(lines.tobytes())
        self._file_of.frombytes(np.full(len(lines), file, dtype=np.int32).tobytes())
        self._memory.append(batch)
        if sum(batch.nbytes for batch in self._memory) > IN_MEMORY:
            self._chunks += _spool(self._memory)
            self._memory = []

    def table(self) -> Table:
        """The table of all rows. Raises InputError if there are no rows."""
        source = str(self.files[0]) + (f" and {len(self.files) - 1} more files" if len(self.files) > 1 else "")
        if not self._lines:
            raise InputError(f"{source} has no rows; it needs a header line and one labelled row a line")
        chunks = [*self._chunks, *self._memory]
        names = dict.fromkeys(name for chunk in chunks for name in chunk.schema.names)
        columns = {name: Texts([_column(chunk, name) for chunk in chunks]) for name in names}
        if len(self.files) == 1:
            return Table(columns, self._lines, source)
        return Table(columns, self._lines, source, [str(file) for file in self.files], self._file_of)


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """The column of this name; empty texts where the batch lacks it."""
    return batch.column(name) if name in batch.schema.names else pa.repeat(pa.scalar("", pa.large_string()), len(batch))


def _spool(batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """The same rows, read from a memory-mapped temporary file without a name. Raises FrameworkError where the disk is full."""
    names = list(dict.fromkeys(name for batch in batches for name in batch.schema.names))
    schema = pa.schema([(name, pa.large_string()) for name in names])
    try:
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_file(file, schema) as writer:
                for batch in batches:
                    writer.write(pa.RecordBatch.from_arrays([_column(batch, name) for name in names], schema=schema))
            file.flush()
            reader = pa.ipc.open_file(pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise FrameworkError(
            f"no room in {tempfile.gettempdir()} for the rows that do not fit into memory: {error.strerror}; "
            "TMPDIR= names another folder"
        ) from error
    return [reader.get_batch(i) for i in range(reader.num_record_batches)]
