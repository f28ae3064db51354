"""Columns of texts as integers or floats, a few bytes a row, made without a Python object for each row of a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.contracts.data.table import Texts

if TYPE_CHECKING:
    import pyarrow as pa


def codes(values: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Dictionary encoding: codes (rows,) int32, and the distinct texts they index, in the order of their first rows."""
    if not isinstance(values, Texts):
        numbered: dict[str, int] = {}
        code_of_rows = np.fromiter((numbered.setdefault(value, len(numbered)) for value in values), np.int32, len(values))
        return code_of_rows, list(numbered)
    import pyarrow as pa

    chunks, rows = values.arrow()
    if not chunks:
        return np.empty(0, np.int32), []
    encoded = pa.chunked_array(chunks).dictionary_encode().unify_dictionaries()
    distinct: list[str] = encoded.chunk(0).dictionary.to_pylist()
    code_of_rows = np.concatenate([np.asarray(chunk.indices, dtype=np.int32) for chunk in encoded.chunks])
    if rows is None and not any(pa.types.is_dictionary(chunk.type) for chunk in chunks):
        return code_of_rows, distinct
    code_of_rows, used = compact(code_of_rows if rows is None else code_of_rows[rows], len(distinct))
    return code_of_rows, [distinct[i] for i in used.tolist()]


def coded(codes: np.ndarray, distinct: Sequence[str]) -> Texts:
    """The column of texts with these codes, the inverse of `codes`; 4 bytes a row. codes: (rows,) int32, into `distinct`."""
    import pyarrow as pa

    return Texts([pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(distinct, pa.string()))])


def compact(numbers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers renumbered without gaps, in the order of their first occurrence, and the old number of each new one.

    numbers: (rows,) integers from 0, below `count`. Returns (rows,) int32 and (distinct,).
    """
    first = np.full(count, len(numbers), dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # reversed, so that the first occurrence is written last
    used = np.argsort(first, kind="stable")[: int((first < len(numbers)).sum())]
    renumbered = np.empty(count, dtype=np.int32)
    renumbered[used] = np.arange(len(used), dtype=np.int32)
    return renumbered[numbers], used


def numbers(values: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The texts as floats (rows,) float64, NaN where a text is no finite number, and the indices of those rows, ascending."""
    if isinstance(values, Texts):
        chunks, rows = values.arrow()
        parts = [_of_chunk(chunk) for chunk in chunks]
        floats = np.concatenate([np.empty(0), *parts])
        floats = floats if rows is None else floats[rows]
    else:
        floats = np.fromiter(map(number, values), np.float64, len(values))
    floats[~np.isfinite(floats)] = np.nan
    return floats, np.flatnonzero(np.isnan(floats))


def _of_chunk(chunk: pa.Array) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return np.asarray(pc.cast(pc.utf8_trim_whitespace(chunk), pa.float64()), dtype=np.float64)
    except pa.ArrowInvalid:  # Arrow does not tell which text is no number, so each is parsed alone
        return np.fromiter(map(number, _texts(chunk)), np.float64, len(chunk))


def _texts(chunk: pa.Array) -> Iterator[str]:
    return iter(Texts([chunk]))


def number(text: str) -> float:
    """The text as a float; NaN for anything else, such as Python's digit groups (1_000)."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
