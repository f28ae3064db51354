"""Runs the codecs of many requests at once: their calls are grouped by graph and size, padded and run together."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, islice

from framework.contracts.codec import Call, Codec, Event, Steps
from framework.contracts.graph import Backend, Graph, Request, Response, Tensors, stateful
from framework.errors import FrameworkError
from framework.runtime.jobs import Job, Size
from framework.runtime.padding import join, split
from framework.runtime.state import Slot, bytes_for_one, gather

MAX_ROWS = 32  # rows of one run
MAX_ELEMENTS = 4096  # rows times the longest row of one run, so that few long rows do not fill memory
FEW = 4  # rows that run together however much padding they need, unless the graph has state: a step is one token long

MAX_STATE = 1 << 30  # bytes of the states that are joined for one run; where as much is held, a server lets nobody begin

Record = list[list[tuple[str, Tensors]]]  # for each request the graph and outputs of each of its calls


class RunFailedError(FrameworkError):
    """A graph cannot be run for one of several requests. number: of the request, from 1."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(f"request {number}: the model cannot be run on it: {type(error).__name__}: {error}")
        self.number, self.error = number, error


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

    def start(self, request: Request, on_event: Callable[[Event], None] | None = None) -> Job:
        """Runs the codec up to its first call."""
        return self.begin(self.codec.start(request), on_event)

    def begin(self, steps: Steps, on_event: Callable[[Event], None] | None = None) -> Job:
        job = Job(steps, on_event=on_event)
        self.advance(job, None)
        return job

    def advance(self, job: Job, outputs: Tensors | None) -> None:
        """Runs the codec with the outputs of its call until the next or its end."""
        try:
            step = next(job.steps) if outputs is None else job.steps.send(outputs)
            while not isinstance(step, Call):
                if job.on_event is not None:
                    job.on_event(step)
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
                for job, outputs in zip(batch, self._run_or_name(batch, jobs), strict=True):
                    if record is not None:
                        recorded[id(job)].append((job.waiting.graph, outputs))
                    self.advance(job, outputs)
        if record is not None:
            record[:] = [recorded[id(job)] for job in jobs]
        return [job.response or {} for job in jobs]

    def _run_or_name(self, batch: Sequence[Job], jobs: Sequence[Job]) -> list[Tensors]:
        """Raises RunFailedError naming the first of the jobs whose call fails by itself too, where there is one."""
        try:
            return self.run(batch)
        except FrameworkError:
            raise
        except Exception as error:
            alone = [error] if len(batch) == 1 else self.run_each(batch)
            for job, outcome in zip(batch, alone, strict=True):
                if isinstance(outcome, Exception):
                    raise RunFailedError(jobs.index(job) + 1, outcome) from outcome
            raise

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
        """The outputs of each job's call; all are calls of one graph. What is appended to a state is not among them.

        Raises what the backend raises: then jobs that still have slots, or had none, may be run again.
        """
        graph = self.graphs[batch[0].waiting.graph]
        if not graph.state:
            return self._outputs(graph, batch)
        begins = [not job.slots for job in batch]
        slots = self._hold(graph, batch)
        try:
            outputs = self._outputs(graph, batch, slots)
        except Exception:
            for job, rows, first in zip(batch, slots, begins, strict=True):
                if not first:
                    _stay(job, rows)
            raise
        for rows, found in zip(slots, outputs, strict=True):
            rows[0].block.append(rows, found)
        for job, rows, first in zip(batch, slots, begins, strict=True):
            job.slots = rows
            if first:
                job.begun = [slot.lengths for slot in rows]
            elif job.waiting.parents is not None:
                job.begun = []
        return outputs

    def run_each(self, batch: Sequence[Job], failed: Callable[[Exception], object] | None = None) -> list[Tensors | Exception]:
        """As `run`; where that fails each call runs by itself, and those that fail alone too have their error for outputs.

        failed: told why a run of several failed.
        """
        begun = [bool(job.slots) for job in batch]
        try:
            return [*self.run(batch)]
        except Exception as error:
            if len(batch) == 1:
                return [error]
            if failed is not None:
                failed(error)
            lost = [had and not job.slots for job, had in zip(batch, begun, strict=True)]
            return [error if gone else self.run_each([job])[0] for job, gone in zip(batch, lost, strict=True)]

    def _outputs(self, graph: Graph, batch: Sequence[Job], slots: Sequence[Sequence[Slot]] = ()) -> list[Tensors]:
        """slots: of each job, where the graph has state; they fill a block."""
        calls = [job.waiting.feeds for job in batch]
        if len(batch) == 1 and not graph.state:
            return [self.backend.run(graph.name, dict(calls[0]))]
        ends = list(accumulate(job.size.rows for job in batch))
        feeds: Tensors = {}
        if slots:
            places = [[slot.row for slot in rows] for rows in slots]
            feeds = slots[0][0].block.feeds(ends[-1])
        else:
            places = [list(range(end - job.size.rows, end)) for job, end in zip(batch, ends, strict=True)]
        feeds |= {tensor.name: join(tensor, calls, places) for tensor in graph.inputs if tensor.name not in feeds}
        return split(graph, self.backend.run(graph.name, feeds), calls, places)

    @staticmethod
    def _hold(graph: Graph, batch: Sequence[Job]) -> list[list[Slot]]:
        """Takes the states of all rows out of the jobs, into a block that holds them and nothing else: slots of each job."""
        sources: list[Slot | None] = []
        for job in batch:
            parents = range(job.size.rows) if job.waiting.parents is None else job.waiting.parents
            sources += [job.slots[row] if job.slots else None for row in parents]
            job.slots = []  # rows from which nothing goes on are let go
        left = iter(gather(graph, sources))
        slots = [list(islice(left, job.size.rows)) for job in batch]
        for job, rows in zip(batch, slots, strict=True):
            rows[0].block.begin(rows, job.waiting.feeds)
        return slots


def _stay(job: Job, rows: list[Slot]) -> None:
    """After a run that failed: the job's rows have branched, and go on from where they are."""
    job.slots = rows
    if job.waiting.parents is not None:
        job.begun, job.call = [], replace(job.waiting, parents=None)
