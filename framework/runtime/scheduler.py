"""Runs the codecs of many requests at once: calls are grouped by graph and size, padded and run together.

A run, here and in the server, is one run of a graph by the backend, for the calls of one batch.
"""

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
from framework.runtime.state import Slot, bytes_per_position, gather

MAX_ROWS = 32  # rows of one run, at most
MAX_ELEMENTS = 4096  # rows times the length of the longest row of one run, at most: a few long rows must not fill memory
FEW = 4  # rows that run together however much padding they need; not for graphs with state, whose steps are one token long
MAX_STATE = 1 << 30  # bytes of states in one run, at most; while that much is in use, a server begins no further request

Record = list[list[tuple[str, Tensors]]]  # for each request the name of the graph and the outputs of each of its calls


class RunFailedError(FrameworkError):
    """A graph cannot be run for the request `number`, counted from 1; `error` is what the backend raised."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(f"request {number}: the model cannot be run on it: {type(error).__name__}: {error}")
        self.number, self.error = number, error


class Scheduler:
    """Answers requests with a codec over a backend.

    A run has at most `rows` rows and `elements` elements, padding included; a single call that is larger runs alone.
    answered: called each time a request is answered.
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
        """Makes a job of the request and runs the codec up to its first call. on_event: called with each event."""
        return self.begin(self.codec.start(request), on_event)

    def begin(self, steps: Steps, on_event: Callable[[Event], None] | None = None) -> Job:
        """As `start`, from a generator that `Codec.start` or `Scores.score` made."""
        job = Job(steps, on_event=on_event)
        self.advance(job, None)
        return job

    def advance(self, job: Job, outputs: Tensors | None) -> None:
        """Sends the outputs of the job's call to the codec (None to begin) and runs it up to its next call or its response.

        Raises what the codec raises.
        """
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
            self._set_call(job, step)

    def _set_call(self, job: Job, call: Call) -> None:
        if call.begins:
            job.slots = []
        if call.rewinds:
            if len(job.begun) != len(job.slots):
                raise ValueError("a call rewinds to a beginning whose rows are no longer there: they have branched since")
            for slot, lengths in zip(job.slots, job.begun, strict=True):
                slot.rewind(lengths)
        feed = call.feeds[self.graphs[call.graph].inputs[0].name]
        job.call = call
        job.size = Size(len(feed), feed[0].size, feed.size, self._state_bytes(job, call))

    def answer(self, requests: Sequence[Request], record: Record | None = None) -> list[Response]:
        """The response to each request, in order. record: its content is replaced, see `Record`. Raises RunFailedError."""
        return self.complete([self.codec.start(request) for request in requests], record)

    def complete(self, generators: Sequence[Steps], record: Record | None = None) -> list[Response]:
        """The response of each of the codec's generators, in order; see `answer`.

        Where graphs have state, at most `rows` requests are under way at once.
        """
        jobs: list[Job] = []
        waiting: list[Job] = []
        recorded: dict[int, list[tuple[str, Tensors]]] = defaultdict(list)
        upcoming, concurrent = iter(generators), self.rows if self.stateful else len(generators)
        while True:
            waiting = [job for job in waiting if job.call is not None]
            started = [self.begin(steps) for steps in islice(upcoming, concurrent - len(waiting))]
            jobs += started
            waiting += [job for job in started if job.call is not None]
            if not started and not waiting:
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
        """As `run`, with an error that names the request.

        Raises RunFailedError for the first job whose call fails alone too; the error of `run` if none does, or if it is a
        FrameworkError. jobs: of all requests, in order.
        """
        try:
            return self.run(batch)
        except FrameworkError:
            raise
        except Exception as error:
            outcomes = [error] if len(batch) == 1 else self.run_each(batch)
            for job, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    raise RunFailedError(jobs.index(job) + 1, outcome) from outcome
            raise

    def _batches(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Divides all jobs into batches, the longest calls of each graph first.

        For a graph with state, jobs without state yet, later calls of one element and later calls of several are not mixed: a
        long call would pad the others, which feed one token.
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
        """The batch to run next: the first job, and jobs with calls of similar length while the run keeps its limits and has
        little padding.

        If graphs have state, a job without state yet goes first while there is room for its state, so that its later calls can
        run with those of the others. jobs: all that wait, in order of precedence.
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
        """The job whose call the next batch is built around; see `choose`."""
        if not self.stateful:
            return jobs[0]
        begun, fresh = [job for job in jobs if job.slots], [job for job in jobs if not job.slots]
        rows, state_bytes = sum(job.size.rows for job in begun), sum(job.size.rows * job.size.state for job in begun)
        if fresh and (not begun or (rows < self.rows and state_bytes < MAX_STATE)):
            return fresh[0]
        return begun[0]

    def _fits(self, size: Size) -> bool:
        return size.rows <= self.rows and size.rows * size.longest <= self.elements and size.rows * size.state <= MAX_STATE

    def _state_bytes(self, job: Job, call: Call) -> int:
        """Bytes that the state of one row takes after the call."""
        graph = self.graphs[call.graph]
        if not graph.state:
            return 0
        new_length: int = call.feeds[graph.inputs[0].name].shape[1]
        fed_length = max((call.feeds[state.input].shape[1] for state in graph.state if state.input in call.feeds), default=0)
        return (new_length + max((slot.length for slot in job.slots), default=fed_length)) * bytes_per_position(graph)

    def run(self, batch: Sequence[Job]) -> list[Tensors]:
        """The outputs of each job's call, without those that extend a state. All calls are of one graph.

        Raises what the backend raises; afterwards a job may be run again if it had no slots before, or still has them.
        """
        graph = self.graphs[batch[0].waiting.graph]
        if not graph.state:
            return self._outputs(graph, batch)
        fresh = [not job.slots for job in batch]
        slots = self._take_slots(graph, batch)
        try:
            outputs = self._outputs(graph, batch, slots)
        except Exception:
            for job, rows, is_fresh in zip(batch, slots, fresh, strict=True):
                if not is_fresh:
                    _restore(job, rows)
            raise
        for rows, tensors in zip(slots, outputs, strict=True):
            rows[0].block.append(rows, tensors)
        for job, rows, is_fresh in zip(batch, slots, fresh, strict=True):
            job.slots = rows
            if is_fresh:
                job.begun = [slot.lengths for slot in rows]
            elif job.waiting.parents is not None:
                job.begun = []
        return outputs

    def run_each(self, batch: Sequence[Job], failed: Callable[[Exception], object] | None = None) -> list[Tensors | Exception]:
        """As `run`, but returns errors. If the batch fails, each call runs alone; a call that fails alone too gets its error in
        place of outputs, and a call whose state was lost gets the error of the batch.

        failed: called with the error of a batch of several calls.
        """
        had_slots = [bool(job.slots) for job in batch]
        try:
            return [*self.run(batch)]
        except Exception as error:
            if len(batch) == 1:
                return [error]
            if failed is not None:
                failed(error)
            lost_state = [had and not job.slots for job, had in zip(batch, had_slots, strict=True)]
            return [error if lost else self.run_each([job])[0] for job, lost in zip(batch, lost_state, strict=True)]

    def _outputs(self, graph: Graph, batch: Sequence[Job], slots: Sequence[Sequence[Slot]] = ()) -> list[Tensors]:
        """Joins the feeds of all calls, runs the graph once and splits its outputs by job. slots: by job, of one block."""
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
    def _take_slots(graph: Graph, batch: Sequence[Job]) -> list[list[Slot]]:
        """Moves the states of all rows out of the jobs into one block without other rows; returns the slots of each job."""
        sources: list[Slot | None] = []
        for job in batch:
            parents = range(job.size.rows) if job.waiting.parents is None else job.waiting.parents
            sources += [job.slots[row] if job.slots else None for row in parents]
            job.slots = []  # frees the slots that no row of the call continues
        gathered = iter(gather(graph, sources))
        slots = [list(islice(gathered, job.size.rows)) for job in batch]
        for job, rows in zip(batch, slots, strict=True):
            rows[0].block.begin(rows, job.waiting.feeds)
        return slots


def _restore(job: Job, rows: list[Slot]) -> None:
    """Gives the slots back to a job whose run failed. They follow `Call.parents` already, so the next try goes without it."""
    job.slots = rows
    if job.waiting.parents is not None:
        job.begun, job.call = [], replace(job.waiting, parents=None)
