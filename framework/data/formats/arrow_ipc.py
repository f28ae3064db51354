"""Arrow and Feather files: rows are read as those of Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from framework.contracts.data.format import Block, Claim, Format, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row
from framework.contracts.message import message
from framework.data.formats.parquet import ROWS, blocks_of, check_magic, no_arrow, usable_columns, written

if TYPE_CHECKING:
    import pyarrow as pa

FILE = b"ARROW1"
STREAM = b"\xff\xff\xff\xff"  # as `datasets` saves them


class Arrow(Format):
    name: ClassVar[str] = "arrow"
    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather")
    binary: ClassVar[bool] = True

    def claims(self, file: Sniffed) -> Claim | None:
        return Claim(Sure.CERTAIN, "it begins as Arrow does") if file.head.startswith(FILE) else super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """A row's line is its number, counted from 1."""
        magic = STREAM if file.head.startswith(STREAM) else FILE
        check_magic(file, magic, message("an Arrow file"), self.suffixes, say)
        try:
            import pyarrow as pa
        except ImportError as error:
            raise no_arrow(file.path) from error

        def batches() -> Iterator[pa.RecordBatch]:
            with pa.memory_map(str(file.path)) as mapped:
                opened = pa.ipc.open_stream(mapped) if magic == STREAM else pa.ipc.open_file(mapped)
                columns = usable_columns(file.path, opened.schema, say, options.lists)
                yield from written(_parts(opened, columns), opened.schema)

        yield from blocks_of(file.path, batches())


def _parts(opened: pa.RecordBatchFileReader | pa.RecordBatchStreamReader, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """At most `ROWS` rows at a time."""
    import pyarrow as pa

    whole = (
        opened if isinstance(opened, pa.RecordBatchStreamReader) else map(opened.get_batch, range(opened.num_record_batches))
    )
    for batch in whole:
        for start in range(0, len(batch), ROWS):
            yield batch.slice(start, ROWS).select(columns)
