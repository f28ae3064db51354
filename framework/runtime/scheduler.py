"""Runs the codecs of many requests at once: their calls are grouped by graph and size, padded and run together."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice

import numpy as np

from framework.graphs import Backend, Call, Codec, Event, Graph, Request, Response, Steps, Tensor, Tensors, stateful
from framework.runtime.state import Block, Slot, bytes_for_one, gather

MAX_ROWS = 32  # rows of one run
MAX_ELEMENTS = 4096  # rows times the longest row of one run, so that few long rows do not fill memory
PADDING = 0.15  # of the elements of a run, beyond which one more row costs more than it saves
FEW = 4  # rows that run together however much padding they need, unless the graph has state: a step is one token long

MAX_STATE = 1 << 30  # bytes of the states that are joined for one run; where as much is held, a server lets nobody begin

Record = list[list[tuple[str, Tensors]]]  # for each request the graph and outputs of each of its calls


@dataclass(frozen=True)
class Size:
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


@dataclass(eq=False)
class Job:
    """A request on its way: its codec's generator, the call it waits for, and its response once there is none.

    hear: told each event of the codec, in the thread that runs it. slots: where its state is, a row each. begun: how long the
    states of these rows were after the first run; empty once rows have branched.
    """

    steps: Steps
    call: Call | None = None
    size: Size = Size()
    response: Response | None = None
    hear: Callable[[Event], None] | None = None
    slots: list[Slot] = field(default_factory=list)
    begun: list[list[int]] = field(default_factory=list)

    @property
    def waiting(self) -> Call:
        assert self.call is not None, "the request is answered"
        return self.call


class Scheduler:
    """Answers requests with a codec over a backend, at most `rows` rows and `elements` padded elements a run.

    answered: called after each.
    """

    def __init__(
        self,
        codec: Codec,
        backend: Backend,
        graphs: Sequence[Graph],
        rows: int = MAX_ROWS,
        elements: int = MAX_ELEMENTS,
        *,
        answered: Callable[[], object] | None = None,
    ) -> None:
        self.codec = codec
        self.backend = backend
        self.graphs: Mapping[str, Graph] = {graph.name: graph for graph in graphs}
        self.rows = rows
        self.elements = elements
        self.stateful = stateful(graphs)
        self.answered = answered

    def start(self, request: Request, hear: Callable[[Event], None] | None = None) -> Job:
        """Runs the codec up to its first call."""
        return self.begin(self.codec.start(request), hear)

    def begin(self, steps: Steps, hear: Callable[[Event], None] | None = None) -> Job:
        job = Job(steps, hear=hear)
        self.advance(job, None)
        return job

    def advance(self, job: Job, outputs: Tensors | None) -> None:
        """Runs the codec with the outputs of its call until the next or its end."""
        try:
            step = next(job.steps) if outputs is None else job.steps.send(outputs)
            while not isinstance(step, Call):
                if job.hear is not None:
                    job.hear(step)
                step = next(job.steps)
        except StopIteration as end:
            job.call, job.response, job.slots = None, end.value, []
            if self.answered is not None:
                self.answered()
        else:
            if step.begins:
                job.slots = []
            if step.rewinds:
                if len(job.begun) != len(job.slots):
                    raise ValueError("a call rewinds to a beginning whose rows are no longer there: they have branched since")
                for slot, lengths in zip(job.slots, job.begun, strict=True):
                    slot.rewind(lengths)
            feed = step.feeds[self.graphs[step.graph].inputs[0].name]
            job.call = step
            job.size = Size(len(feed), feed[0].size, feed.size, self._state_bytes(job, step))

    def answer(self, requests: Sequence[Request], record: Record | None = None) -> list[Response]:
        """The response to each request, in order. `record` is filled when given."""
        return self.complete([self.codec.start(request) for request in requests], record)

    def complete(self, generators: Sequence[Steps], record: Record | None = None) -> list[Response]:
        """What each of the codec's generators returns. Where requests have state, some begin only when others have ended."""
        jobs: list[Job] = []
        waiting: list[Job] = []
        recorded: dict[int, list[tuple[str, Tensors]]] = defaultdict(list)
        left, at_once = iter(generators), self.rows if self.stateful else len(generators)
        while True:
            waiting = [job for job in waiting if job.call is not None]
            begun = [self.begin(steps) for steps in islice(left, at_once - len(waiting))]
            jobs += begun
            waiting += [job for job in begun if job.call is not None]
            if not begun and not waiting:
                break
            for batch in self._batches(waiting):
                for job, outputs in zip(batch, self.run(batch), strict=True):
                    if record is not None:
                        recorded[id(job)].append((job.waiting.graph, outputs))
                    self.advance(job, outputs)
        if record is not None:
            record[:] = [recorded[id(job)] for job in jobs]
        return [job.response or {} for job in jobs]

    def _batches(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """All of the jobs, the longest first; those that would stretch the steps of others apart from them: who begins, and
        who goes on by several elements at once.
        """
        groups: dict[tuple[str, bool, bool], list[Job]] = defaultdict(list)
        for job in jobs:
            groups[job.waiting.graph, bool(job.slots), bool(job.slots) and job.size.longest > 1].append(job)
        for group in groups.values():
            batch: list[Job] = []
            size = Size()
            for job in sorted(group, key=lambda job: job.size.longest, reverse=True):
                if batch and not self._fits(size.joined(job.size)):
                    yield batch
                    batch, size = [], Size()
                batch.append(job)
                size = size.joined(job.size)
            yield batch

    def choose(self, jobs: Sequence[Job]) -> list[Job]:
        """The first of the jobs and those whose calls are most like its call in length, as many as run well together.

        Where requests have state, the first that has none yet, as long as there is room for its state: it joins the others.
        """
        first = self._first(jobs)
        graph = first.waiting.graph
        alike = [
            job for job in jobs if job is not first and job.waiting.graph == graph and bool(job.slots) == bool(first.slots)
        ]
        others = sorted(alike, key=lambda job: job.size.longest)
        few = 1 if self.graphs[graph].state else FEW
        above = bisect_left(others, first.size.longest, key=lambda job: job.size.longest)
        below, batch, size = above - 1, [first], first.size
        while below >= 0 or above < len(others):
            shorter = first.size.longest - others[below].size.longest if below >= 0 else None
            longer = others[above].size.longest - first.size.longest if above < len(others) else None
            up = shorter is None or (longer is not None and longer <= shorter)
            job = others[above if up else below]
            joined = size.joined(job.size)
            if self._fits(joined) and (joined.dense or joined.rows <= few):
                batch.append(job)
                size = joined
                above, below = (above + 1, below) if up else (above, below - 1)
            else:
                above, below = (len(others), below) if up else (above, -1)
        return batch

    def _first(self, jobs: Sequence[Job]) -> Job:
        if not self.stateful:
            return jobs[0]
        begun, fresh = [job for job in jobs if job.slots], [job for job in jobs if not job.slots]
        rows, held = sum(job.size.rows for job in begun), sum(job.size.rows * job.size.state for job in begun)
        if fresh and (not begun or (rows < self.rows and held < MAX_STATE)):
            return fresh[0]
        return begun[0]

    def _fits(self, size: Size) -> bool:
        return size.rows <= self.rows and size.rows * size.longest <= self.elements and size.rows * size.state <= MAX_STATE

    def _state_bytes(self, job: Job, call: Call) -> int:
        """Of one row, after the call."""
        graph = self.graphs[call.graph]
        if not graph.state:
            return 0
        new: int = call.feeds[graph.inputs[0].name].shape[1]
        fed = max((call.feeds[state.input].shape[1] for state in graph.state if state.input in call.feeds), default=0)
        return (new + max((slot.length for slot in job.slots), default=fed)) * bytes_for_one(graph)

    def run(self, batch: Sequence[Job]) -> list[Tensors]:
        """The outputs of each job's call; all are calls of one graph. What is appended to a state is not among them."""
        graph = self.graphs[batch[0].waiting.graph]
        calls = [job.waiting.feeds for job in batch]
        if len(batch) == 1 and not graph.state:
            return [self.backend.run(graph.name, dict(calls[0]))]
        ends = list(accumulate(job.size.rows for job in batch))
        places = [list(range(end - job.size.rows, end)) for job, end in zip(batch, ends, strict=True)]
        begin = [not job.slots for job in batch]
        block = self._hold(graph, batch) if graph.state else None
        feeds: Tensors = {}
        if block is not None:
            places = [[slot.row for slot in job.slots] for job in batch]
            feeds = block.feeds(ends[-1])
        feeds |= {tensor.name: join(tensor, calls, places) for tensor in graph.inputs if tensor.name not in feeds}
        outputs = self.backend.run(graph.name, feeds)
        found = _split(graph.outputs, outputs, [_sizes(graph.inputs, own) for own in calls], places)
        if block is not None:
            for job, own, begins in zip(batch, found, begin, strict=True):
                block.append(job.slots, own)
                if begins:
                    job.begun = [slot.lengths for slot in job.slots]
                elif job.waiting.parents is not None:
                    job.begun = []
        return found

    @staticmethod
    def _hold(graph: Graph, batch: Sequence[Job]) -> Block:
        """The block that holds the states of all rows of a batch and nothing else."""
        sources: list[Slot | None] = []
        for job in batch:
            parents = range(job.size.rows) if job.waiting.parents is None else job.waiting.parents
            sources += [job.slots[row] if job.slots else None for row in parents]
            job.slots = []  # rows from which nothing goes on are let go
        slots = gather(graph, sources)
        left = iter(slots)
        for job in batch:
            job.slots = list(islice(left, job.size.rows))
            slots[0].block.begin(job.slots, job.waiting.feeds)
        return slots[0].block


def _sizes(tensors: Sequence[Tensor], feeds: Tensors) -> dict[str, int]:
    """Size of each named axis in one call."""
    return {
        axis: size
        for tensor in tensors
        if tensor.name in feeds
        for axis, size in zip(tensor.axes, feeds[tensor.name].shape, strict=True)
        if isinstance(axis, str)
    }


def join(tensor: Tensor, calls: Sequence[Tensors], places: Sequence[Sequence[int]]) -> np.ndarray:
    """One input of many calls, each in its places along batch, padded to the largest size of every other axis."""
    parts = [feeds[tensor.name] for feeds in calls]
    shape = (sum(map(len, parts)), *(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)))
    joined = np.full(shape, tensor.pad, dtype=parts[0].dtype)
    for part, rows in zip(parts, places, strict=True):
        joined[(_index(rows), *(slice(0, size) for size in part.shape[1:]))] = part
    return joined


def _split(
    tensors: Sequence[Tensor], outputs: Tensors, sizes: Sequence[Mapping[str, int]], places: Sequence[Sequence[int]]
) -> list[Tensors]:
    """The rows of each call, every named axis cut back to the call's own size."""
    return [
        {t.name: outputs[t.name][(_index(rows), *(_cut(axis, own) for axis in t.axes[1:]))] for t in tensors}
        for own, rows in zip(sizes, places, strict=True)
    ]


def _index(rows: Sequence[int]) -> slice | list[int]:
    """A slice, which copies nothing, where the rows follow one another."""
    first = rows[0]
    return slice(first, first + len(rows)) if list(rows) == list(range(first, first + len(rows))) else list(rows)


def _cut(axis: str | int, own: Mapping[str, int]) -> slice:
    return slice(0, own[axis]) if isinstance(axis, str) and axis in own else slice(None)
