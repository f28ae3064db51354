"""A job, which is a request while its codec works on it, and the size of the job's call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from framework.contracts.codec import Call, Event, Steps
from framework.contracts.graph import Response
from framework.runtime.state import Slot

PADDING = 0.15  # padding relative to filled elements of a run, beyond which one more row costs more time than it saves


class Size(NamedTuple):
    """How much of a run one call takes, or several calls together."""

    rows: int = 0
    longest: int = 0
    """Elements of the longest row."""
    elements: int = 0
    """Elements of all rows, without padding."""
    state: int = 0
    """Bytes of the longest row's state after the run."""

    def joined(self, other: Size) -> Size:
        """The size of both calls in one run."""
        longest, state = max(self.longest, other.longest), max(self.state, other.state)
        return Size(self.rows + other.rows, longest, self.elements + other.elements, state)

    @property
    def dense(self) -> bool:
        """Whether a run of this size pads at most `PADDING` times its elements."""
        return self.rows * self.longest <= (1 + PADDING) * self.elements


NOTHING = Size()


@dataclass(eq=False)
class Job:
    """A request while its codec works on it."""

    steps: Steps
    """The generator of the codec that answers the request."""
    call: Call | None = None
    """The call whose outputs the generator waits for; None once the request is answered."""
    size: Size = NOTHING
    """The size of `call`."""
    response: Response | None = None
    """The codec's answer, once there is one."""
    on_event: Callable[[Event], None] | None = None
    """Called with each event of the codec, in the thread that runs the codec."""
    slots: list[Slot] = field(default_factory=list)
    """The state of each row; empty before the first run of a graph with state."""
    begun: list[list[int]] = field(default_factory=list)
    """For each row the lengths of its states to which `Call.rewinds` returns; empty after `Call.parents` reordered rows."""

    @property
    def waiting(self) -> Call:
        """`call`, for a request that is not answered yet."""
        assert self.call is not None, "the request is answered"
        return self.call
