"""Runs the codecs of many requests at once: their calls are grouped by graph, sorted by size, padded and run together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framework.graphs import Backend, Call, Codec, Graph, Request, Response, Steps, Tensor, Tensors

MAX_ROWS = 32  # rows of one run
MAX_ELEMENTS = 4096  # rows times the longest row of one run, so that few long rows do not fill memory


Record = list[list[tuple[str, Tensors]]]  # for each request the graph and outputs of each of its calls


@dataclass
class _Job:
    """A request on its way: its codec's generator, and the call it waits for."""

    index: int
    steps: Steps
    call: Call


class Scheduler:
    """Answers requests with a codec over a backend."""

    def __init__(self, codec: Codec, backend: Backend, graphs: Sequence[Graph]) -> None:
        self.codec = codec
        self.backend = backend
        self.graphs: Mapping[str, Graph] = {graph.name: graph for graph in graphs}

    def answer(self, requests: Sequence[Request], record: Record | None = None) -> list[Response]:
        """The response to each request, in order. `record` is filled when given."""
        responses: list[Response] = [{} for _ in requests]
        if record is not None:
            record[:] = [[] for _ in requests]
        waiting: list[_Job] = []
        for index, request in enumerate(requests):
            self._advance(index, self.codec.start(request), None, waiting, responses)
        while waiting:
            batches, waiting = self._batches(waiting), []
            for batch in batches:
                for job, outputs in zip(batch, self._run(batch), strict=True):
                    if record is not None:
                        record[job.index].append((job.call.graph, outputs))
                    self._advance(job.index, job.steps, outputs, waiting, responses)
        return responses

    def _advance(
        self, index: int, steps: Steps, outputs: Tensors | None, waiting: list[_Job], responses: list[Response]
    ) -> None:
        """Runs a codec until its next call or its end. Events have no reader here and are dropped."""
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
            while not isinstance(step, Call):
                step = next(steps)
        except StopIteration as end:
            responses[index] = end.value
        else:
            waiting.append(_Job(index, steps, step))

    def _batches(self, jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
        groups: dict[str, list[_Job]] = defaultdict(list)
        for job in jobs:
            groups[job.call.graph].append(job)
        for name, group in groups.items():
            first = self.graphs[name].inputs[0].name
            group.sort(key=lambda job: job.call.feeds[first].size, reverse=True)
            batch: list[_Job] = []
            rows = longest = 0
            for job in group:
                feed = job.call.feeds[first]
                rows += len(feed)
                longest = max(longest, feed[0].size)
                if batch and (rows > MAX_ROWS or rows * longest > MAX_ELEMENTS):
                    yield batch
                    batch, rows, longest = [], len(feed), feed[0].size
                batch.append(job)
            yield batch

    def _run(self, batch: Sequence[_Job]) -> list[Tensors]:
        graph = self.graphs[batch[0].call.graph]
        if len(batch) == 1:
            return [self.backend.run(graph.name, dict(batch[0].call.feeds))]
        calls = [job.call.feeds for job in batch]
        outputs = self.backend.run(graph.name, {tensor.name: _join(tensor, calls) for tensor in graph.inputs})
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


def _join(tensor: Tensor, calls: Sequence[Tensors]) -> np.ndarray:
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
