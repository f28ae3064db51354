"""Rows by column. Texts of files are not converted: ``007`` stays ``007`` and ``NA`` stays ``NA``; what a column holds several
things in, such as a dialogue's messages, is plain data (`Cell`).
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast, overload

import numpy as np

from framework.contracts.data.cells import Cell, canonical
from framework.contracts.message import messages

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 8192  # rows of a column turned into Python texts at a time
NUMBERED = (".parquet", ".arrow", ".feather")  # files without lines, whose rows are counted
NO_TEXT = b"\xff" * 8  # before a cell that is none, in a digest; UTF-8 has no such bytes


class Row(NamedTuple):
    """line: where it starts in its file, counted from 1; of a Parquet file, the number of the row.
    record: in files whose values have types, the row as it stands there.
    """

    line: int
    values: dict[str, str]
    record: Mapping[str, Any] | None = None


class Texts(Sequence[str]):
    """A column whose texts stay in Arrow memory, often a file's: iterating decodes a block at a time.

    rows: which rows of the chunks, in which order; None: all of them as they are.
    """

    def __init__(self, chunks: Sequence[pa.Array], rows: np.ndarray | None = None) -> None:
        self._chunks = chunks
        self._starts = np.cumsum([0, *map(len, chunks)])
        self._bounds: list[int] = self._starts.tolist()
        self._rows = rows

    def __len__(self) -> int:
        return int(self._starts[-1]) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self._texts(self._places(np.arange(*index.indices(len(self)))))
        row = range(len(self))[index]
        place = row if self._rows is None else int(self._rows[row])
        number = bisect_right(self._bounds, place) - 1
        text: str = self._chunks[number][place - self._bounds[number]].as_py()
        return text

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), BLOCK):
            yield from self[start : start + BLOCK]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and not isinstance(other, str) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def take(self, indices: Sequence[int] | np.ndarray) -> Texts:
        """A view of these rows: no text is copied."""
        return Texts(self._chunks, self._places(np.asarray(indices, dtype=np.int64)))

    def arrow(self) -> tuple[Sequence[pa.Array], np.ndarray | None]:
        """The arrays that hold the texts, and which of their rows in which order; None: all of them as they are."""
        return self._chunks, self._rows

    def longest(self) -> tuple[int, int]:
        """(row, characters) of the longest text; (0, 0) in an empty column."""
        best = (0, 0)
        for start in range(0, len(self), BLOCK):
            lengths = [len(text) for text in self[start : start + BLOCK]]
            row = max(range(len(lengths)), key=lengths.__getitem__)
            best = max(best, (start + row, lengths[row]), key=lambda found: found[1])
        return best

    def _places(self, indices: np.ndarray) -> np.ndarray:
        return indices if self._rows is None else self._rows[indices]

    def _texts(self, places: np.ndarray) -> list[str]:
        chunk = np.searchsorted(self._starts, places, side="right") - 1
        touched = np.unique(chunk)
        if len(touched) == 1:
            return self._of_chunk(int(touched[0]), places)
        found = np.empty(len(places), dtype=object)
        for number in touched:
            here = np.flatnonzero(chunk == number)
            for i, text in zip(here.tolist(), self._of_chunk(int(number), places[here]), strict=True):
                found[i] = text
        return list(found)

    def _of_chunk(self, number: int, places: np.ndarray) -> list[str]:
        first, last = int(places[0]), int(places[-1])
        chunk, start = self._chunks[number], int(self._starts[number])
        if last - first + 1 == len(places) and (np.diff(places) == 1).all():
            texts: list[str] = chunk.slice(first - start, len(places)).to_pylist()
        else:
            texts = chunk.take(places - start).to_pylist()
        return texts


@dataclass(frozen=True)
class Table:
    """Columns of equal length: lists, or `Texts` where they were read from files.

    lines: for each row the line of its file it starts on, counted from 1 (of a Parquet file, the number of the row).
    source: the file, or the files in words. files, file_of: where there are several, which one each row is from.
    groups: where rows belong together, what each belongs to (such as a customer); an empty one stands alone.
    """

    columns: Mapping[str, Sequence[Cell]]
    lines: Sequence[int] = ()
    source: str = ""
    files: Sequence[str] = ()
    file_of: Sequence[int] = ()
    groups: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def name(self) -> str:
        return Path(self.source).name

    def texts(self, name: str) -> Sequence[str]:
        """A column of one text a cell: text, number, time, category or id."""
        return cast(Sequence[str], self.columns[name])

    def lists(self, name: str) -> Sequence[Sequence[str]]:
        """A column of several texts a cell: labels, texts or ids."""
        return cast(Sequence[Sequence[str]], self.columns[name])

    def records(self, name: str) -> Sequence[Sequence[Mapping[str, Any]]]:
        """A column of several mappings a cell: messages or spans."""
        return cast(Sequence[Sequence[Mapping[str, Any]]], self.columns[name])

    def take(self, indices: Sequence[int] | np.ndarray) -> Table:
        """These rows in this order. Columns read from files become views; lists are copied."""
        columns = {name: _take(values, indices) for name, values in self.columns.items()}
        file_of = _take(self.file_of, indices) if self.files else ()
        groups = _take(self.groups, indices) if len(self.groups) else ()
        return Table(columns, _take(self.lines, indices), self.source, self.files, file_of, groups)

    def sample(self, count: int, seed: int) -> Table:
        """At most so many of the rows, at random, in the order they have here."""
        if count >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]).tolist())

    def where(self, index: int) -> str:
        file = self.files[self.file_of[index]] if self.files else self.source
        return f"{file}, {'row' if file.endswith(NUMBERED) else 'line'} {self.lines[index]}"

    def digest(self) -> str:
        """sha256 over names and values, independent of where the rows came from."""
        digest = hashlib.sha256()
        for name in sorted(self.columns):
            for encoded in _encoded(chain((name,), self.columns[name])):
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()


def _encoded(cells: Iterable[Any]) -> Iterator[bytes]:
    for cell in cells:
        try:
            yield cell.encode("utf-8", "surrogatepass")
        except AttributeError:  # to ask every text what it is takes longer
            yield NO_TEXT
            yield canonical(cell).encode("utf-8", "surrogatepass")


def _take(values: Any, indices: Sequence[int] | np.ndarray) -> Any:
    if isinstance(values, Texts):
        return values.take(indices)
    if isinstance(values, array):
        return array(values.typecode, np.asarray(values)[np.asarray(indices, dtype=np.int64)].tobytes())
    return [values[i] for i in indices]


SPLITS = messages("train", "validation", "test")


@dataclass(frozen=True)
class Splits:
    """Rows to learn from, to decide on, and to judge by; no text stands in two of them.

    notes: what was inferred and cleaned, a sentence each.
    about: source, licence and fingerprint, as plain data for the manifest.
    tables: the further files of the task, by name.
    whole: every row that counts, for tasks whose `complete` needs those that nobody is judged by too. No fit sees it.
    """

    train: Table
    validation: Table
    test: Table
    notes: Sequence[str] = ()
    about: Mapping[str, object] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    whole: Table | None = None

    def rows(self) -> dict[str, int]:
        return {name: len(table) for name, table in self.named().items()}

    def named(self) -> dict[str, Table]:
        """By name, which is a message: a header or a chart that shows it can be translated."""
        return dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))
