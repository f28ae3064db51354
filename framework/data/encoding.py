"""Columns of texts as integers or numbers, a few bytes a row: no Python object is made of a row read from a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.contracts.data.table import Texts

if TYPE_CHECKING:
    import pyarrow as pa


def codes(values: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """(rows,) int32, which of the distinct texts each row holds; and those, in the order of their first rows."""
    if not isinstance(values, Texts):
        numbered: dict[str, int] = {}
        found = np.fromiter((numbered.setdefault(value, len(numbered)) for value in values), np.int32, len(values))
        return found, list(numbered)
    import pyarrow as pa

    chunks, rows = values.arrow()
    if not chunks:
        return np.empty(0, np.int32), []
    encoded = pa.chunked_array(chunks).dictionary_encode().unify_dictionaries()
    distinct: list[str] = encoded.chunk(0).dictionary.to_pylist()
    found = np.concatenate([np.asarray(chunk.indices, dtype=np.int32) for chunk in encoded.chunks])
    if rows is None and not any(pa.types.is_dictionary(chunk.type) for chunk in chunks):
        return found, distinct
    found, used = compact(found if rows is None else found[rows], len(distinct))
    return found, [distinct[i] for i in used.tolist()]


def coded(codes: np.ndarray, distinct: Sequence[str]) -> Texts:
    """The column that `codes` takes apart: 4 bytes a row. codes: (rows,) int32."""
    import pyarrow as pa

    return Texts([pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(distinct, pa.string()))])


def compact(numbers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers below `count`, numbered again without gaps in the order of their first places; and what each stood for."""
    first = np.full(count, len(numbers), dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # of several places the last one written stays
    used = np.argsort(first, kind="stable")[: int((first < len(numbers)).sum())]
    again = np.empty(count, dtype=np.int32)
    again[used] = np.arange(len(used), dtype=np.int32)
    return again[numbers], used


def numbers(values: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(rows,) float64, NaN where a text is no finite number; and those rows, in order."""
    if isinstance(values, Texts):
        chunks, rows = values.arrow()
        parts = [_of_chunk(chunk) for chunk in chunks]
        found = np.concatenate([np.empty(0), *parts])
        found = found if rows is None else found[rows]
    else:
        found = np.fromiter(map(number, values), np.float64, len(values))
    found[~np.isfinite(found)] = np.nan
    return found, np.flatnonzero(np.isnan(found))


def _of_chunk(chunk: pa.Array) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return np.asarray(pc.cast(pc.utf8_trim_whitespace(chunk), pa.float64()), dtype=np.float64)
    except pa.ArrowInvalid:  # says nothing of which row
        return np.fromiter(map(number, _texts(chunk)), np.float64, len(chunk))


def _texts(chunk: pa.Array) -> Iterator[str]:
    return iter(Texts([chunk]))


def number(text: str) -> float:
    """NaN for what is no number; digits in groups (1_000) are none."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
