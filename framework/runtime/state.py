"""The states of requests in graphs with state, kept in blocks, so that rows which run together repeatedly are not copied."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

import numpy as np

from framework.contracts.graph import Graph, State, Tensor, Tensors

ROOM = 64  # states grow by multiples of this number of positions; the mask hides positions that are not filled yet


@dataclass(eq=False)
class Slot:
    """One row of a block. A job that refers to the slot keeps the row alive; the block refers to it weakly."""

    block: StateBlock
    row: int

    @property
    def lengths(self) -> list[int]:
        """Filled positions of this row, by state."""
        return [int(array.lengths[self.row]) for array in self.block.states]

    @property
    def length(self) -> int:
        """Filled positions of the longest state of this row."""
        return max(self.lengths, default=0)

    def rewind(self, lengths: Sequence[int]) -> None:
        """Cuts each state of this row back to an earlier length. lengths: by state."""
        for array, length in zip(self.block.states, lengths, strict=True):
            array.truncate(self.row, length)


class StateArray:
    """One state of every row of a block: an array (rows, room, ...), and how many positions of each row are filled."""

    def __init__(self, state: State, tensor: Tensor) -> None:
        self.state = state
        self.array = np.zeros((0, 0, *(size for size in tensor.axes[2:] if isinstance(size, int))), tensor.dtype)
        self.lengths = np.zeros(0, np.int64)

    def make_room(self, rows: int, length: int) -> None:
        """Grows the array to at least `rows` rows of `length` positions; a smaller number changes nothing.

        Unfilled positions are zero, because masked positions still take part in matrix products.
        """
        old_rows, old_room = self.array.shape[:2]
        if rows <= old_rows and length <= old_room:
            return
        room = old_room if length <= old_room else -(-length // ROOM) * ROOM
        larger = np.zeros((max(rows, old_rows), room, *self.array.shape[2:]), self.array.dtype)
        larger[:old_rows, :old_room] = self.array
        self.array = larger
        self.lengths = np.concatenate([self.lengths, np.zeros(len(larger) - old_rows, np.int64)])

    def copy(self, row: int, source: StateArray, source_row: int) -> None:
        """Overwrites the row `row` with the row `source_row` of `source`."""
        length = int(source.lengths[source_row])
        self.make_room(row + 1, length)
        self.array[row, :length] = source.array[source_row, :length]
        self.array[row, length:] = 0
        self.lengths[row] = length

    def clear(self, row: int) -> None:
        """Makes a row empty."""
        self.make_room(row + 1, 0)
        self.array[row] = 0
        self.lengths[row] = 0

    def append(self, row: int, values: np.ndarray) -> None:
        """Appends `values`, (length, ...), after the filled positions of a row."""
        length = int(self.lengths[row])
        self.make_room(0, length + len(values))
        self.array[row, length : length + len(values)] = values
        self.lengths[row] = length + len(values)

    def truncate(self, row: int, length: int) -> None:
        self.array[row, length : self.lengths[row]] = 0
        self.lengths[row] = length

    def feeds(self, rows: int) -> Tensors:
        """The state, (rows, room, ...), as a view, and its mask, (rows, room) int64, by name of the graph input."""
        filled = np.arange(self.array.shape[1]) < self.lengths[:rows, None]
        return {self.state.input: self.array[:rows], self.state.mask: filled.astype(np.int64)}


class StateBlock:
    """All states of rows that run together."""

    def __init__(self, graph: Graph) -> None:
        tensors = {tensor.name: tensor for tensor in graph.inputs}
        self.states = [StateArray(state, tensors[state.input]) for state in graph.state]
        self._slots: list[weakref.ref[Slot]] = []

    def live(self) -> set[Slot]:
        """The slots that a job still refers to."""
        return {slot for reference in self._slots if (slot := reference()) is not None}

    def arrange(self, sources: Sequence[Slot | None]) -> list[Slot]:
        """A slot for each source; together the slots fill the first rows of the block.

        A source that is a row of this block is continued in place, unless an earlier source is the same row; any other source
        is copied. None as a source gives an empty row.
        """
        taken: set[int] = set()
        reused: list[Slot | None] = []
        for source in sources:
            stays = source is not None and source.block is self and source.row not in taken
            if stays and source is not None:
                taken.add(source.row)
            reused.append(source if stays else None)
        free = (row for row in count() if row not in taken)
        slots = [slot or self._add_row(next(free), source) for slot, source in zip(reused, sources, strict=True)]
        gaps = sorted(set(range(len(slots))) - {slot.row for slot in slots})
        for gap, slot in zip(gaps, [slot for slot in slots if slot.row >= len(slots)], strict=True):
            for array in self.states:
                array.copy(gap, array, slot.row)
            slot.row = gap
        self._slots = [weakref.ref(slot) for slot in slots]
        return slots

    def begin(self, slots: Sequence[Slot], feeds: Tensors) -> None:
        """Appends the states that first calls feed, with their masks, to the rows. slots: one for each row of `feeds`."""
        for array in self.states:
            if array.state.input in feeds:
                lengths = feeds[array.state.mask].sum(1)
                for slot, values, length in zip(slots, feeds[array.state.input], lengths, strict=True):
                    array.append(slot.row, values[:length])

    def append(self, slots: Sequence[Slot], outputs: Tensors) -> None:
        """Appends the outputs that extend states to the rows of the slots, and removes these outputs from `outputs`."""
        for array in self.states:
            if array.state.output is not None:
                for slot, values in zip(slots, outputs.pop(array.state.output), strict=True):
                    array.append(slot.row, values)

    def feeds(self, rows: int) -> Tensors:
        """The states of the first `rows` rows, and their masks, by name of the graph input."""
        feeds: Tensors = {}
        for array in self.states:
            feeds |= array.feeds(rows)
        return feeds

    def oversized(self) -> bool:
        """Whether the room is more than twice what the live rows need, so that copying them to a new block pays."""
        rows = [slot.row for slot in self.live()]
        return any(array.array.shape[1] > 2 * (array.lengths[rows].max(initial=0) + ROOM) for array in self.states)

    def _add_row(self, row: int, source: Slot | None) -> Slot:
        for number, array in enumerate(self.states):
            if source is None:
                array.clear(row)
            else:
                array.copy(row, source.block.states[number], source.row)
        return Slot(self, row)


def gather(graph: Graph, sources: Sequence[Slot | None]) -> list[Slot]:
    """Moves rows into one block without other rows; returns their new slots, one for each source.

    Of the blocks whose live rows are all sources, the one with the most rows is reused, and rows of other blocks are copied
    into it. None as a source stands for a row without state yet. The old slots must not be used afterwards.
    """
    slots = {source for source in sources if source is not None}
    reusable = [block for block in {slot.block for slot in slots} if block.live() <= slots and not block.oversized()]
    block = max(reusable, key=lambda block: len(block.live()), default=None) or StateBlock(graph)
    return block.arrange(sources)


def bytes_per_position(graph: Graph) -> int:
    """Bytes that one position, such as a token, takes in all states together."""
    tensors = [tensor for tensor in graph.inputs if tensor.name in {state.input for state in graph.state}]
    return sum(
        np.dtype(tensor.dtype).itemsize * prod(size for size in tensor.axes[2:] if isinstance(size, int)) for tensor in tensors
    )
