"""Splits as Arrow files of a run folder, which later stages read, in this process or another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from framework.contracts.data.table import Splits, Table, Texts
from framework.contracts.plain import revived, to_plain, with_template
from framework.machine.disk import whole, writing

ABOUT = "splits.json"
WHOLE = "whole"  # the table `Splits.whole`, where there is one
SIDE = "further-"  # prefix of the name of a side table
ROWS = 65_536  # rows of a record batch, at most
LINE, FILE, GROUP = "\ue000line", "\ue000file", "\ue000group"  # columns about rows; no header has a private-use character


def store_splits(splits: Splits, folder: Path) -> None:
    """Writes the splits into a folder, which appears only once it is complete. Raises FrameworkError for a full disk."""
    with whole(folder) as unfinished:
        unfinished.mkdir(parents=True)
        tables = {**splits.named(), **{f"{SIDE}{name}": table for name, table in splits.tables.items()}}
        if splits.whole is not None:
            tables[WHOLE] = splits.whole
        for name, table in tables.items():
            with writing(folder / f"{name}.arrow"):
                _write(table, unfinished / f"{name}.arrow")
        content = {
            "notes": to_plain(splits.notes, with_template),
            "about": to_plain(splits.about, with_template),
            "tables": list(map(str, tables)),
        }
        (unfinished / ABOUT).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def stored_splits(folder: Path) -> Splits | None:
    """The splits that `store_splits` wrote; None where the folder holds none. Texts stay in the memory-mapped files."""
    if not (folder / ABOUT).is_file():
        return None
    content = json.loads((folder / ABOUT).read_text(encoding="utf-8"), object_hook=revived)
    tables = {name: _read(folder / f"{name}.arrow") for name in content["tables"]}
    side_tables = {name.removeprefix(SIDE): table for name, table in tables.items() if name.startswith(SIDE)}
    parts = (tables["train"], tables["validation"], tables["test"])
    return Splits(*parts, content["notes"], content["about"], side_tables, tables.get(WHOLE))


def _write(table: Table, path: Path) -> None:
    columns: dict[str, Any] = {}
    structured: list[str] = []
    for name, cells in table.columns.items():
        texts = isinstance(cells, Texts) or all(isinstance(cell, str) for cell in cells)
        structured += [] if texts else [name]
        columns[name] = cells if texts else [json.dumps(cell, ensure_ascii=False) for cell in cells]
    columns[LINE] = np.asarray(table.lines, dtype=np.int64)
    if table.files:
        columns[FILE] = np.asarray(table.file_of, dtype=np.int64)
    if table.groups:
        columns[GROUP] = table.groups
    about = {"source": table.source, "files": list(map(str, table.files)), "structured": structured}
    fields = [pa.field(name, pa.int64() if name in (LINE, FILE) else pa.large_string()) for name in columns]
    schema = pa.schema(fields, metadata={"table": json.dumps(about, ensure_ascii=False)})
    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, schema) as writer:
        for start in range(0, len(table), ROWS):
            part = [pa.array(_slice(cells, start), field.type) for cells, field in zip(columns.values(), fields, strict=True)]
            writer.write_batch(pa.record_batch(part, schema=schema))


def _slice(cells: Any, start: int) -> Any:
    return cells[start : start + ROWS]


def _read(path: Path) -> Table:
    content = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    about = json.loads(content.schema.metadata[b"table"])
    columns: dict[str, Sequence[Any]] = {}
    for name in content.column_names:
        if name in (LINE, FILE, GROUP):
            continue
        texts = Texts(content.column(name).chunks or [pa.array([], pa.large_string())])
        columns[name] = [json.loads(cell) for cell in texts] if name in about["structured"] else texts
    lines = content.column(LINE).to_numpy()
    table = Table(columns, lines.tolist(), about["source"])
    if FILE in content.column_names:
        table = replace(table, files=about["files"], file_of=content.column(FILE).to_pylist())
    if GROUP in content.column_names:
        table = replace(table, groups=content.column(GROUP).to_pylist())
    return table
