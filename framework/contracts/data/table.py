"""Tables of rows, stored by column.

Texts are not converted: ``007`` stays ``007`` and ``NA`` stays ``NA``. A structured cell, such as the messages of a dialogue,
is plain data (`Cell`).
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

BLOCK = 8192  # rows of a column that are decoded to Python texts at a time
NUMBERED = (".parquet", ".arrow", ".feather")  # files without lines: their rows are counted
NO_TEXT = b"\xff" * 8  # in a digest, before a cell that is no text; UTF-8 has no such bytes


class Row(NamedTuple):
    """A row of a file."""

    line: int
    """The line where the row starts, counted from 1; in a file without lines, such as Parquet, the number of the row."""
    values: dict[str, str]
    """Texts by header."""
    record: Mapping[str, Any] | None = None
    """In a file with typed values, such as JSON, the row as it was parsed."""


class Texts(Sequence[str]):
    """A column whose texts stay in Arrow memory, often memory-mapped: iterating decodes a block at a time."""

    def __init__(self, chunks: Sequence[pa.Array], rows: np.ndarray | None = None) -> None:
        """rows: (n,) positions in the concatenated chunks, in the order of the column; None: all, in order."""
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
        """The arrays that hold the texts, and the positions of the column's rows in them; None: all, in order."""
        return self._chunks, self._rows

    def longest(self) -> tuple[int, int]:
        """(row, characters) of the longest text; (0, 0) in an empty column."""
        best = (0, 0)
        for start in range(0, len(self), BLOCK):
            lengths = [len(text) for text in self[start : start + BLOCK]]
            row = max(range(len(lengths)), key=lengths.__getitem__)
            best = max(best, (start + row, lengths[row]), key=lambda place: place[1])
        return best

    def _places(self, indices: np.ndarray) -> np.ndarray:
        return indices if self._rows is None else self._rows[indices]

    def _texts(self, places: np.ndarray) -> list[str]:
        chunk = np.searchsorted(self._starts, places, side="right") - 1
        touched = np.unique(chunk)
        if len(touched) == 1:
            return self._of_chunk(int(touched[0]), places)
        texts = np.empty(len(places), dtype=object)
        for number in touched:
            here = np.flatnonzero(chunk == number)
            for i, text in zip(here.tolist(), self._of_chunk(int(number), places[here]), strict=True):
                texts[i] = text
        return list(texts)

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
    """Rows, stored by column."""

    columns: Mapping[str, Sequence[Cell]]
    """By role, all of the same length; `Texts` where they were read from files, otherwise lists."""
    lines: Sequence[int] = ()
    """For each row the line of its file where it starts, counted from 1; in a file without lines the number of the row."""
    source: str = ""
    """The file, or a description of the files."""
    files: Sequence[str] = ()
    """The files, if there are several."""
    file_of: Sequence[int] = ()
    """For each row the index of its file in `files`, if there are several."""
    groups: Sequence[str] = ()
    """For each row the name of its group, such as a customer, whose rows stay in one split; "" for a row without a group."""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
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
        """At most `count` rows, drawn at random, in their order."""
        if count >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]).tolist())

    def file(self, index: int) -> str:
        """The path of the file that a row is from."""
        return self.files[self.file_of[index]] if self.files else self.source

    def where(self, index: int) -> str:
        """The file and line of a row, for messages."""
        file = self.file(index)
        return f"{file}, {'row' if file.endswith(NUMBERED) else 'line'} {self.lines[index]}"

    def digest(self) -> str:
        """sha256 over column names and cells; files and lines do not count."""
        digest = hashlib.sha256()
        for name in sorted(self.columns):
            for encoded in _encoded(chain((name,), self.columns[name])):
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()


def _encoded(cells: Iterable[Any]) -> Iterator[bytes]:
    for cell in cells:
        try:
            yield cell.encode("utf-8", "surrogatepass")
        except AttributeError:  # faster than asking for the type of every cell
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
    """The training, validation and test rows. No text is in two of them."""

    train: Table
    validation: Table
    """Rows for decisions: the best epoch, the best candidate, thresholds, gates."""
    test: Table
    """Rows that the shipped file and the baselines are judged on, once."""
    notes: Sequence[str] = ()
    """What was inferred from the files and what was cleaned, a sentence each."""
    about: Mapping[str, object] = field(default_factory=dict)
    """Source, licence and fingerprint of the data, plain data for the manifest."""
    tables: Mapping[str, Table] = field(default_factory=dict)
    """The task's further files, by name."""
    whole: Table | None = None
    """All rows, also those in no split, for a task with `Finalizes.complete`. No fit sees them."""

    def rows(self) -> dict[str, int]:
        """The number of rows of each split, by its name."""
        return {name: len(table) for name, table in self.named().items()}

    def named(self) -> dict[str, Table]:
        """The splits by name. The names are messages, so that a header or chart with them can be translated."""
        return dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))
