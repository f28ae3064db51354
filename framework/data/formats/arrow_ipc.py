"""Reads Arrow and Feather files; values become texts as those of Parquet files do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from framework.contracts.data.format import Block, Claim, Format, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row
from framework.contracts.message import message
from framework.data.formats.parquet import ROWS, as_texts, blocks_of, check_magic, missing_pyarrow, usable_columns

if TYPE_CHECKING:
    import pyarrow as pa

FILE = b"ARROW1"
STREAM = b"\xff\xff\xff\xff"  # begins the stream format, in which `datasets` saves its files


class Arrow(Format):
    """Arrow files, in the file and in the stream format, and Feather files."""

    name: ClassVar[str] = "arrow"
    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather")
    binary: ClassVar[bool] = True

    def claims(self, file: Sniffed) -> Claim | None:
        return Claim(Sure.CERTAIN, "it begins as Arrow does") if file.head.startswith(FILE) else super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The rows in blocks; the line of a row is its number, counted from 1."""
        magic = STREAM if file.head.startswith(STREAM) else FILE
        check_magic(file, magic, message("an Arrow file"), self.suffixes, say)
        try:
            import pyarrow as pa
        except ImportError as error:
            raise missing_pyarrow(file.path) from error

        def batches() -> Iterator[pa.RecordBatch]:
            with pa.memory_map(str(file.path)) as mapped:
                opened = pa.ipc.open_stream(mapped) if magic == STREAM else pa.ipc.open_file(mapped)
                columns = usable_columns(file.path, opened.schema, say, options.lists)
                yield from as_texts(_slices(opened, columns), opened.schema)

        yield from blocks_of(file.path, batches())


def _slices(opened: pa.RecordBatchFileReader | pa.RecordBatchStreamReader, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns `columns` of the file in batches of at most `ROWS` rows."""
    import pyarrow as pa

    batches = (
        opened if isinstance(opened, pa.RecordBatchStreamReader) else map(opened.get_batch, range(opened.num_record_batches))
    )
    for batch in batches:
        for start in range(0, len(batch), ROWS):
            yield batch.slice(start, ROWS).select(columns)
