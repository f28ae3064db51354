"""Arrays that are the same for every request, given to graphs beside what a request feeds; they may grow while others run."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from framework.contracts.graph import Backend, Graph, Tensors

FOLDER = "tables"  # of the resources
PAIRS = 8_000_000  # of a run's rows and those of the longest table; a graph holds some 20 bytes for each
ROOM = 1.2  # times as large as needed is what a table that grows gets, so that the next rows are copied alone


class Tables:
    """Array by name. Whoever runs a graph takes all of its tables as they were at one moment."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays: Tensors = dict(arrays)
        self._room: Tensors = {}
        self._growing = threading.Lock()

    def at_once(self, rows: int) -> int:
        """Of so many rows for one run those that memory allows: a graph holds several numbers for each pair of one and a
        table's row. At least 1.
        """
        longest = max(map(len, self.arrays.values()), default=1)
        return max(1, min(rows, PAIRS // max(1, longest)))

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Adds rows at the end of tables, all at once for those who read."""
        with self._growing:
            self.arrays = self.arrays | {name: self._longer(name, more) for name, more in rows.items()}

    def _longer(self, name: str, more: np.ndarray) -> np.ndarray:
        before, room = self.arrays[name], self._room.get(name)
        length = len(before) + len(more)
        if room is None or length > len(room):
            room = self._room[name] = np.empty((int(length * ROOM), *before.shape[1:]), before.dtype)
            room[: len(before)] = before
        room[len(before) : length] = more  # nobody reads beyond the length they have
        return room[:length]

    def save(self, resources: Path) -> None:
        """Writes each as ``tables/NAME.npy``."""
        if self.arrays:
            (resources / FOLDER).mkdir(exist_ok=True)
        for name, array in self.arrays.items():
            np.save(resources / FOLDER / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, graphs: Sequence[Graph], resources: Path) -> Tables:
        names = {tensor.name for graph in graphs for tensor in graph.tables}
        return cls({name: np.load(resources / FOLDER / f"{name}.npy", allow_pickle=False) for name in sorted(names)})


class Tabled:
    """A backend whose graphs get their tables."""

    def __init__(self, backend: Backend, graphs: Sequence[Graph], tables: Tables) -> None:
        self.backend, self.tables = backend, tables
        self._names = {graph.name: [tensor.name for tensor in graph.tables] for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        """What is fed under a table's name takes its place."""
        arrays = self.tables.arrays
        return self.backend.run(graph, {name: arrays[name] for name in self._names[graph]} | feeds)


def tabled(backend: Backend, graphs: Sequence[Graph], arrays: Mapping[str, np.ndarray]) -> Backend:
    """The backend itself where no graph has tables."""
    return Tabled(backend, graphs, Tables(arrays)) if any(graph.tables for graph in graphs) else backend
