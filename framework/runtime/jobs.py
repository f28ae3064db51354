"""Requests on their way through their codec, and how much of a run each takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from framework.contracts.codec import Call, Event, Steps
from framework.contracts.graph import Response
from framework.runtime.state import Slot

PADDING = 0.15  # of the elements of a run, beyond which one more row costs more than it saves


class Size(NamedTuple):
    """How much of a run a call takes."""

    rows: int = 0
    longest: int = 0  # elements of its longest row
    elements: int = 0  # of all rows, without padding
    state: int = 0  # bytes of the longest row's state after the run

    def joined(self, other: Size) -> Size:
        longest, state = max(self.longest, other.longest), max(self.state, other.state)
        return Size(self.rows + other.rows, longest, self.elements + other.elements, state)

    @property
    def dense(self) -> bool:
        return self.rows * self.longest <= (1 + PADDING) * self.elements


NOTHING = Size()


@dataclass(eq=False)
class Job:
    """A request on its way: its codec's generator, the call it waits for, and its response once there is none.

    on_event: told each event of the codec, in the thread that runs it. slots: where its state is, a row each.
    begun: how long the states of these rows were after the first run; empty once rows have branched.
    """

    steps: Steps
    call: Call | None = None
    size: Size = NOTHING
    response: Response | None = None
    on_event: Callable[[Event], None] | None = None
    slots: list[Slot] = field(default_factory=list)
    begun: list[list[int]] = field(default_factory=list)

    @property
    def waiting(self) -> Call:
        assert self.call is not None, "the request is answered"
        return self.call
