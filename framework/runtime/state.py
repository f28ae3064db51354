"""What requests leave behind in graphs with state, joined for the next run: rows that stay together are not copied again."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

import numpy as np

from framework.contracts.graph import Graph, State, Tensor, Tensors

ROOM = 64  # by which states grow: a run sees room that is not filled yet, behind its mask


@dataclass(eq=False)
class Slot:
    """One row of a block. Whoever holds it keeps the row; the block itself does not."""

    block: Block
    row: int

    @property
    def lengths(self) -> list[int]:
        """Of each state."""
        return [int(held.lengths[self.row]) for held in self.block.held]

    @property
    def length(self) -> int:
        return max(self.lengths, default=0)

    def rewind(self, lengths: Sequence[int]) -> None:
        """Back to lengths that it had."""
        for held, length in zip(self.block.held, lengths, strict=True):
            held.cut(self.row, length)


class Held:
    """One state of every row of a block: an array (rows, room, ...), and how much of each row is filled."""

    def __init__(self, state: State, tensor: Tensor) -> None:
        self.state = state
        self.array = np.zeros((0, 0, *(size for size in tensor.axes[2:] if isinstance(size, int))), tensor.dtype)
        self.lengths = np.zeros(0, np.int64)

    def make_room(self, rows: int, length: int) -> None:
        """length: that a row is to hold; room beyond it is zero, since what is masked still takes part in products."""
        have_rows, have = self.array.shape[:2]
        if rows <= have_rows and length <= have:
            return
        room = have if length <= have else -(-length // ROOM) * ROOM
        larger = np.zeros((max(rows, have_rows), room, *self.array.shape[2:]), self.array.dtype)
        larger[:have_rows, :have] = self.array
        self.array = larger
        self.lengths = np.concatenate([self.lengths, np.zeros(len(larger) - have_rows, np.int64)])

    def copy(self, row: int, other: Held, source: int) -> None:
        length = int(other.lengths[source])
        self.make_room(row + 1, length)
        self.array[row, :length] = other.array[source, :length]
        self.array[row, length:] = 0
        self.lengths[row] = length

    def clear(self, row: int) -> None:
        self.make_room(row + 1, 0)
        self.array[row] = 0
        self.lengths[row] = 0

    def append(self, row: int, new: np.ndarray) -> None:
        """new: (length, ...)."""
        length = int(self.lengths[row])
        self.make_room(0, length + len(new))
        self.array[row, length : length + len(new)] = new
        self.lengths[row] = length + len(new)

    def cut(self, row: int, length: int) -> None:
        self.array[row, length : self.lengths[row]] = 0
        self.lengths[row] = length

    def feeds(self, rows: int) -> Tensors:
        """The state of the first rows, without a copy, and its mask."""
        filled = np.arange(self.array.shape[1]) < self.lengths[:rows, None]
        return {self.state.input: self.array[:rows], self.state.mask: filled.astype(np.int64)}


class Block:
    """The states of rows that run together."""

    def __init__(self, graph: Graph) -> None:
        tensors = {tensor.name: tensor for tensor in graph.inputs}
        self.held = [Held(state, tensors[state.input]) for state in graph.state]
        self._slots: list[weakref.ref[Slot]] = []

    def live(self) -> set[Slot]:
        """Those that somebody still holds."""
        return {slot for reference in self._slots if (slot := reference()) is not None}

    def arrange(self, sources: Sequence[Slot | None]) -> list[Slot]:
        """A slot for each source, in the first rows and nowhere else: its own where it stands here, else a copy."""
        taken: set[int] = set()
        found: list[Slot | None] = []
        for source in sources:
            stays = source is not None and source.block is self and source.row not in taken
            if stays and source is not None:
                taken.add(source.row)
            found.append(source if stays else None)
        free = (row for row in count() if row not in taken)
        slots = [own or self._filled(next(free), source) for own, source in zip(found, sources, strict=True)]
        gaps = sorted(set(range(len(slots))) - {slot.row for slot in slots})
        for gap, slot in zip(gaps, [slot for slot in slots if slot.row >= len(slots)], strict=True):
            for held in self.held:
                held.copy(gap, held, slot.row)
            slot.row = gap
        self._slots = [weakref.ref(slot) for slot in slots]
        return slots

    def begin(self, slots: Sequence[Slot], feeds: Tensors) -> None:
        """Fills the states that a call feeds, which only a request's first may do."""
        for held in self.held:
            if held.state.input in feeds:
                lengths = feeds[held.state.mask].sum(1)
                for slot, states, length in zip(slots, feeds[held.state.input], lengths, strict=True):
                    held.append(slot.row, states[:length])

    def append(self, slots: Sequence[Slot], outputs: Tensors) -> None:
        """Appends what a run gave for these rows, and takes it out of the outputs."""
        for held in self.held:
            if held.state.output is not None:
                for slot, new in zip(slots, outputs.pop(held.state.output), strict=True):
                    held.append(slot.row, new)

    def feeds(self, rows: int) -> Tensors:
        found: Tensors = {}
        for held in self.held:
            found |= held.feeds(rows)
        return found

    def _filled(self, row: int, source: Slot | None) -> Slot:
        for number, held in enumerate(self.held):
            if source is None:
                held.clear(row)
            else:
                held.copy(row, source.block.held[number], source.row)
        return Slot(self, row)

    def too_roomy(self) -> bool:
        """Whether what left was so much longer than what stays that a copy is worth it."""
        rows = [slot.row for slot in self.live()]
        return any(held.array.shape[1] > 2 * (held.lengths[rows].max(initial=0) + ROOM) for held in self.held)


def gather(graph: Graph, sources: Sequence[Slot | None]) -> list[Slot]:
    """Slots of one block that holds these rows and no others, in place of the sources, copied where they stand elsewhere."""
    wanted = {source for source in sources if source is not None}
    whole = [block for block in {slot.block for slot in wanted} if block.live() <= wanted and not block.too_roomy()]
    block = max(whole, key=lambda block: len(block.live()), default=None) or Block(graph)
    return block.arrange(sources)


def bytes_for_one(graph: Graph) -> int:
    """Bytes that a token, or whatever states are long in, leaves in them."""
    tensors = [tensor for tensor in graph.inputs if tensor.name in {state.input for state in graph.state}]
    return sum(
        np.dtype(tensor.dtype).itemsize * prod(size for size in tensor.axes[2:] if isinstance(size, int)) for tensor in tensors
    )
