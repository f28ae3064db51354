"""Runs the codecs of many requests at once: their calls are grouped by graph and size, padded and run together."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framework.graphs import Backend, Call, Codec, Graph, Request, Response, Steps, Tensor, Tensors

MAX_ROWS = 32  # rows of one run
MAX_ELEMENTS = 4096  # rows times the longest row of one run, so that few long rows do not fill memory
PADDING = 0.15  # of the elements of a run, beyond which one more row costs more than it saves
FEW = 4  # rows that run together however much padding they need, unless the graph has state: a step is one token long

Record = list[list[tuple[str, Tensors]]]  # for each request the graph and outputs of each of its calls


@dataclass(frozen=True)
class Size:
    """How much of a run a call takes."""

    rows: int = 0
    longest: int = 0  # elements of its longest row
    elements: int = 0  # of all rows, without padding

    def joined(self, other: Size) -> Size:
        return Size(self.rows + other.rows, max(self.longest, other.longest), self.elements + other.elements)

    @property
    def dense(self) -> bool:
        return self.rows * self.longest <= (1 + PADDING) * self.elements


@dataclass(eq=False)
class Job:
    """A request on its way: its codec's generator, the call it waits for, and its response once there is none."""

    steps: Steps
    call: Call | None = None
    size: Size = Size()
    response: Response | None = None

    @property
    def waiting(self) -> Call:
        assert self.call is not None, "the request is answered"
        return self.call


class Scheduler:
    """Answers requests with a codec over a backend, at most `rows` rows and `elements` padded elements a run."""

    def __init__(
        self, codec: Codec, backend: Backend, graphs: Sequence[Graph], rows: int = MAX_ROWS, elements: int = MAX_ELEMENTS
    ) -> None:
        self.codec = codec
        self.backend = backend
        self.graphs: Mapping[str, Graph] = {graph.name: graph for graph in graphs}
        self.rows = rows
        self.elements = elements

    def start(self, request: Request) -> Job:
        """Runs the codec up to its first call."""
        job = Job(self.codec.start(request))
        self.advance(job, None)
        return job

    def advance(self, job: Job, outputs: Tensors | None) -> None:
        """Runs the codec with the outputs of its call until the next or its end. Events have no reader here and are dropped."""
        try:
            step = next(job.steps) if outputs is None else job.steps.send(outputs)
            while not isinstance(step, Call):
                step = next(job.steps)
        except StopIteration as end:
            job.call, job.response = None, end.value
        else:
            feed = step.feeds[self.graphs[step.graph].inputs[0].name]
            job.call, job.size = step, Size(len(feed), feed[0].size, feed.size)

    def answer(self, requests: Sequence[Request], record: Record | None = None) -> list[Response]:
        """The response to each request, in order. `record` is filled when given."""
        jobs = [self.start(request) for request in requests]
        if record is not None:
            record[:] = [[] for _ in requests]
        places = {id(job): place for place, job in enumerate(jobs)}
        while waiting := [job for job in jobs if job.call is not None]:
            for batch in self._batches(waiting):
                for job, outputs in zip(batch, self.run(batch), strict=True):
                    if record is not None:
                        record[places[id(job)]].append((job.waiting.graph, outputs))
                    self.advance(job, outputs)
        return [job.response or {} for job in jobs]

    def _batches(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """All of the jobs, the longest first."""
        groups: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            groups[job.waiting.graph].append(job)
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
        """The first of the jobs and those whose calls are most like its call in length, as many as run well together."""
        first, graph = jobs[0], jobs[0].waiting.graph
        others = sorted((job for job in jobs[1:] if job.waiting.graph == graph), key=lambda job: job.size.longest)
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

    def _fits(self, size: Size) -> bool:
        return size.rows <= self.rows and size.rows * size.longest <= self.elements

    def run(self, batch: Sequence[Job]) -> list[Tensors]:
        """The outputs of each job's call; all are calls of one graph."""
        graph = self.graphs[batch[0].waiting.graph]
        if len(batch) == 1:
            return [self.backend.run(graph.name, dict(batch[0].waiting.feeds))]
        calls = [job.waiting.feeds for job in batch]
        outputs = self.backend.run(graph.name, {tensor.name: join(tensor, calls) for tensor in graph.inputs})
        sizes = [_sizes(graph.inputs, feeds) for feeds in calls]
        return _split(graph.outputs, outputs, sizes)


def _sizes(tensors: Sequence[Tensor], feeds: Tensors) -> dict[str, int]:
    """Size of each named axis in one call."""
    return {
        axis: size
        for tensor in tensors
        for axis, size in zip(tensor.axes, feeds[tensor.name].shape, strict=True)
        if isinstance(axis, str)
    }


def join(tensor: Tensor, calls: Sequence[Tensors]) -> np.ndarray:
    """One input of many calls, stacked along batch and padded to the largest size of every other axis."""
    parts = [feeds[tensor.name] for feeds in calls]
    shape = (sum(map(len, parts)), *(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)))
    joined = np.full(shape, tensor.pad, dtype=parts[0].dtype)
    row = 0
    for part in parts:
        joined[(slice(row, row + len(part)), *(slice(0, size) for size in part.shape[1:]))] = part
        row += len(part)
    return joined


def _split(tensors: Sequence[Tensor], outputs: Tensors, sizes: Sequence[Mapping[str, int]]) -> list[Tensors]:
    """The rows of each call, every named axis cut back to the call's own size."""
    found: list[Tensors] = []
    row = 0
    for own in sizes:
        rows = slice(row, row + own["batch"])
        row += own["batch"]
        found.append({t.name: outputs[t.name][(rows, *(_cut(axis, own) for axis in t.axes[1:]))] for t in tensors})
    return found


def _cut(axis: str | int, own: Mapping[str, int]) -> slice:
    return slice(0, own[axis]) if isinstance(axis, str) and axis in own else slice(None)
