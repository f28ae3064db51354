"""Tables: arrays that graphs take beside the feeds, the same for every request. They may grow while graphs run."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.contracts.graph import Backend, Graph, Tensors

FOLDER = "tables"  # a folder within the resources
PAIRS = 8_000_000  # rows of a run times rows of the longest table, at most; a graph holds some 20 bytes for each pair
ROOM = 1.2  # a table that grows is allocated this many times larger than needed, so that later rows append without a copy


class Tables:
    """The tables of graphs, by name. `append` replaces the mapping `arrays` as a whole, so that a run sees all tables extended
    or none.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays: Tensors = dict(arrays)
        self._room: Tensors = {}
        self._growing = threading.Lock()

    def rows_per_run(self, rows: int) -> int:
        """How many rows a run may have: `rows`, or fewer where tables are long, see `PAIRS`; at least 1."""
        longest = max(map(len, self.arrays.values()), default=1)
        return max(1, min(rows, PAIRS // max(1, longest)))

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Appends rows to tables, by name; readers see all of the tables extended or none."""
        with self._growing:
            self.arrays = self.arrays | {name: self._extended(name, added) for name, added in rows.items()}

    def _extended(self, name: str, added: np.ndarray) -> np.ndarray:
        before, room = self.arrays[name], self._room.get(name)
        length = len(before) + len(added)
        if room is None or length > len(room):
            room = self._room[name] = np.empty((int(length * ROOM), *before.shape[1:]), before.dtype)
            room[: len(before)] = before
        room[len(before) : length] = added  # runs under way have shorter views of the same memory
        return room[:length]

    @classmethod
    def load(cls, graphs: Sequence[Graph], resources: Path) -> Tables:
        """The tables that the graphs take, from the files that `write_fitted` writes."""
        names = {tensor.name for graph in graphs for tensor in graph.tables}
        return cls({name: np.load(resources / FOLDER / f"{name}.npy", allow_pickle=False) for name in sorted(names)})


class TablesBackend:
    """A backend that feeds graphs their tables."""

    def __init__(self, backend: Backend, graphs: Sequence[Graph], tables: Tables) -> None:
        self.backend, self.tables = backend, tables
        self._names = {graph.name: [tensor.name for tensor in graph.tables] for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        """Runs the graph on the feeds and its tables. A feed replaces the table of the same name."""
        arrays = self.tables.arrays
        return self.backend.run(graph, {name: arrays[name] for name in self._names[graph]} | feeds)


def tabled(backend: Backend, graphs: Sequence[Graph], arrays: Mapping[str, np.ndarray]) -> Backend:
    """A backend that feeds the graphs their tables; `backend` itself where no graph takes tables. arrays: tables by name."""
    return TablesBackend(backend, graphs, Tables(arrays)) if any(graph.tables for graph in graphs) else backend
