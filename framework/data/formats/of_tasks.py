"""Files in a format of one task alone, such as CoNLL, read by the function that the task names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from framework.contracts.cells import as_text
from framework.contracts.table import Row, Table
from framework.data.formats.sniffing import promised_by
from framework.plugins import resolve

NO_FORMATS: Mapping[str, str] = {}
ANY = ""  # in `Task.reads`: asked of files whose suffix promises no format


def rows_by_task(path: Path, reads: Mapping[str, str]) -> Iterator[Row] | None:
    """The rows of a file in one of the task's own formats; None for any other. reads: see `Task.reads`. Raises InputError."""
    function = reads.get(path.suffix.lower()) or (reads.get(ANY) if promised_by(path) is None else None)
    table: Table | None = resolve(function)(path) if function else None
    return None if table is None else _rows(table)


def _rows(table: Table) -> Iterator[Row]:
    for line, values in zip(table.lines, zip(*table.columns.values(), strict=True), strict=True):
        yield Row(line, dict(zip(table.columns, map(as_text, values), strict=True)))
