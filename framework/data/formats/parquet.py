"""Reads Parquet files, each value as a person would write it: 3 and not 3.0, a class by its name and not its number."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from framework.contracts.data.format import Block, Claim, Format, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row
from framework.contracts.message import listed, message
from framework.data.columns import plain_name
from framework.data.formats.notes import COLUMNS, Lists
from framework.errors import FrameworkError, InputError, some

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"PAR1"
ROWS = 16_384  # rows read at a time


class Parquet(Format):
    """Parquet files; the line of a row is its number, counted from 1."""

    name: ClassVar[str] = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)
    binary: ClassVar[bool] = True

    def claims(self, file: Sniffed) -> Claim | None:
        return Claim(Sure.CERTAIN, "it begins as Parquet does") if file.head.startswith(MAGIC) else super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Callable[[str], None]) -> Iterator[Row | Block]:
        """The rows in blocks. Columns of bytes, and of lists or structs without texts, are left out with a note, unless
        `options.lists` names them.

        Raises InputError for a file that is broken or no Parquet file, FrameworkError where pyarrow is not installed.
        """
        check_magic(file, MAGIC, message("a Parquet file"), self.suffixes, say)
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise missing_pyarrow(file.path) from error

        def batches() -> Iterator[pa.RecordBatch]:
            with pq.ParquetFile(file.path) as opened:
                schema = opened.schema_arrow
                columns = usable_columns(file.path, schema, say, options.lists)
                yield from as_texts(opened.iter_batches(ROWS, columns=columns), schema)

        yield from blocks_of(file.path, batches())


def check_magic(file: Sniffed, magic: bytes, what: str, suffixes: Collection[str], say: Callable[[str], None]) -> None:
    """Checks a file's first bytes; says so where the file has none of the suffixes.

    what: the kind of file, "a Parquet file". Raises InputError where the first bytes are not `magic`, and for a gzip file.
    """
    if not file.head.startswith(magic):
        raise InputError(f"{file.path} is no {what.partition(' ')[2]}, whatever its name{'; it is empty' * (not file.head)}")
    if file.compression is not None:
        raise InputError(f"{file.path} is {what} within {file.compression}; unpack it and name the file inside")
    if file.suffix not in suffixes:
        say(message("{file} is {what}, whatever its name, and was read as one", file=file.path.name, what=what))


def missing_pyarrow(path: Path) -> FrameworkError:
    """The error for a file that needs pyarrow, which is not installed."""
    return FrameworkError(f"{path}: reading it needs pyarrow: pip install 'recipe-framework[train]'")


def as_texts(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches with every column as large strings. schema: of the file; its metadata may name the classes of columns."""
    import pyarrow as pa

    classes = class_names((schema.metadata or {}).get(b"huggingface"))
    for batch in batches:
        names = batch.schema.names
        columns = [_column_as_texts(column, classes.get(name)) for name, column in zip(names, batch.columns, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=[name.strip() for name in names])


def blocks_of(path: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[Block]:
    """The batches as blocks. Raises InputError, with the number of rows read, for a broken file."""
    import pyarrow as pa

    rows = 0
    try:
        for batch in batches:
            yield Block(batch, rows + 1)
            rows += len(batch)
    except (pa.ArrowException, OSError) as error:
        why = str(error).splitlines()[0]
        raise InputError(f"{path} is broken after {rows:,} rows: {why}; fetch or write it again") from error


def usable_columns(path: Path, schema: pa.Schema, say: Callable[[str], None], lists: Collection[str]) -> list[str]:
    """The names of the columns that can be read as texts; the others are left out with a note.

    lists: columns whose lists are kept whatever they hold, by `plain_name`; other lists are kept if they hold texts. Raises
    InputError for names that occur twice, and where no column can be read.
    """
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: the columns {some(twice)} stand there twice; rename one")
    unusable = [
        field.name
        for field in schema
        if _holds_no_text(field.type) and not (_is_nested(field.type) and plain_name(field.name) in lists)
    ]
    if len(unusable) == len(schema):
        raise InputError(f"{path}: no column holds texts or numbers: {some(unusable)} are nested or binary; write flat columns")
    if unusable:
        note = message(
            "{file}: {columns} hold lists, structs or bytes and were left out", file=path.name, columns=listed(unusable)
        )
        say(note)
    for field in schema:
        if _is_nested(field.type) and field.name not in unusable:
            say(Lists(COLUMNS, path.name, field.name.strip()))
    return [name for name in schema.names if name not in unusable]


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow.types as types

    return bool(types.is_nested(kind))


def _holds_no_text(kind: pa.DataType) -> bool:
    """Whether a column type is bytes, a union, or a list or struct without texts in it, such as a vector."""
    import pyarrow.types as types

    if types.is_nested(kind):
        return types.is_union(kind) or all(_is_no_text(kind.field(i).type) for i in range(kind.num_fields))
    kinds = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(is_kind(kind) for is_kind in kinds)


def _is_no_text(kind: pa.DataType) -> bool:
    """Whether a part of a list or struct is anything but text."""
    import pyarrow.types as types

    if types.is_nested(kind):
        return _holds_no_text(kind)
    return not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def class_names(metadata: bytes | None) -> Mapping[str, Sequence[str]]:
    """By column, the names of the classes that its integers, alone or in lists, stand for.

    metadata: the JSON that `datasets` writes into the schema of Parquet files.
    """
    features = json.loads(metadata)["info"]["features"] if metadata else {}
    # of a column of lists, the type of the items
    plain = {name: kind[0] if isinstance(kind, list) and kind else kind for name, kind in features.items()}
    inner = {name: kind.get("feature", kind) for name, kind in plain.items() if isinstance(kind, dict)}
    return {name: kind["names"] for name, kind in inner.items() if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"}


def _column_as_texts(column: pa.Array, names: Sequence[str] | None) -> pa.Array:
    """The values as large strings: lists and structs as JSON, missing values and NaN empty. names: of classes, by number."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if types.is_nested(column.type):
        cells = column.to_pylist()
        if names is not None:
            cells = [cell and [_class_name(item, names) if isinstance(item, int) else item for item in cell] for cell in cells]
        texts = ["" if cell is None else json.dumps(cell, ensure_ascii=False, default=str) for cell in cells]
        return pa.array(texts, pa.large_string())
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if names is not None and types.is_integer(column.type):
        return pa.array([_class_name(value, names) for value in column.to_pylist()], pa.large_string())
    strings = pc.cast(column, pa.large_string())
    if types.is_floating(column.type) or types.is_decimal(column.type):
        strings = pc.replace_substring_regex(strings, r"\.0+$|^nan$", "")
    return pc.fill_null(strings, "")


def _class_name(value: int | None, names: Sequence[str]) -> str:
    """The name of a class number; "" for a missing one, which `datasets` writes as -1."""
    if value is None or value == -1:
        return ""
    return names[value] if 0 <= value < len(names) else str(value)
