"""Dynamic batching: inputs that wait together run together, in threads beside the event loop.

An input is the request for one answer; one HTTP request may bring several inputs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from framework.contracts.codec import Event, Steps
from framework.contracts.graph import Request, Response
from framework.runtime.jobs import Job
from framework.runtime.scheduler import Scheduler
from framework.server.logs import log

_NUMBERS = count(1)


class QueueFullError(Exception):
    """The queue has no room for the inputs. seconds: after which there may be room."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds


@dataclass(eq=False)
class Ticket:
    """The inputs of one HTTP request while the engine works on them."""

    answers: asyncio.Future[list[Response]]
    """Resolves to the responses in the order of the inputs, or to the first error."""
    jobs: list[Job]
    """One for each input."""
    unanswered: int
    """Inputs without an answer yet."""
    failed: int | None = None
    """The number, from 1, of the input whose error `answers` holds."""
    cancelled: bool = False

    def cancel(self) -> None:
        """Drops the inputs that wait; an input that is running is dropped after its run."""
        self.cancelled = True


@dataclass(eq=False)
class _QueuedJob:
    ticket: Ticket
    job: Job
    arrived: float = field(default_factory=time.monotonic)
    error: Exception | None = None


class EngineObserver(Protocol):
    """Called by the engine, from its threads."""

    def on_run(self, inputs: int, seconds: float) -> None:
        """A run of `inputs` inputs took so many seconds."""
        ...

    def on_queue(self, inputs: int) -> None:
        """`inputs` inputs wait or are being prepared."""
        ...


class Engine:
    """Answers inputs that an event loop submits, with a scheduler in other threads.

    wait: seconds that the oldest input may wait for others to run with. It waits only while others can be expected: when fewer
        inputs wait or run at present than did at the end of the last run, those of that run included.
    queue: inputs that may wait. threads: concurrent runs, each in its own thread.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        loop: asyncio.AbstractEventLoop,
        observer: EngineObserver,
        wait: float = 0.0,
        queue: int = 1000,
        threads: int = 1,
    ) -> None:
        self.scheduler = scheduler
        self._loop, self._wait, self._queue, self._observer = loop, wait, queue, observer
        self._changed = threading.Condition()
        self._waiting: list[_QueuedJob] = []
        self._preparing = 0  # inputs; changed in the event loop only
        self._running = self._expected = 0  # inputs that run, and inputs that can be expected to wait or run
        self._wake_at = 1  # number of waiting inputs from which `submit` wakes a thread
        self._closing = False
        self._pace = 0.0  # seconds per input in the last run
        name = f"engine-{next(_NUMBERS)}"
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{lane}", daemon=True) for lane in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Inputs that wait or are being prepared."""
        return len(self._waiting) + self._preparing

    def check_room(self, inputs: int) -> None:
        """Raises QueueFullError where the queue has no room for `inputs` inputs."""
        if self.depth + inputs > self._queue:
            raise QueueFullError(max(1, round(self.depth * self._pace)))

    @contextmanager
    def place(self, inputs: int) -> Iterator[None]:
        """Reserves room for `inputs` inputs within the block, which prepares and submits them. Raises QueueFullError."""
        self.check_room(inputs)
        self._preparing += inputs
        try:
            yield
        finally:
            self._preparing -= inputs

    def prepare(
        self,
        requests: Sequence[Request],
        on_event: Callable[[Event], None] | None = None,
        steps: Callable[[Request], Steps] | None = None,
    ) -> list[Job]:
        """Makes a job of each request and runs the codec up to the job's first call. May be called in any thread.

        on_event: called with each event of the codec, in the thread that runs the codec.
        steps: makes the codec's generator for a request; None: `Codec.start`.
        """
        return [self.scheduler.begin((steps or self.scheduler.codec.start)(request), on_event) for request in requests]

    def submit(self, jobs: list[Job]) -> Ticket:
        """Queues the jobs. Called in the event loop: within `place`, or without an ``await`` after `check_room`.

        Raises RuntimeError if a thread of the engine has ended.
        """
        if not self.alive():
            raise RuntimeError("the thread that runs the model has ended")
        ticket = Ticket(self._loop.create_future(), jobs, unanswered=len(jobs))
        waiting = [_QueuedJob(ticket, job) for job in jobs]
        answered = [entry for entry in waiting if entry.job.call is None]
        with self._changed:
            self._waiting += [entry for entry in waiting if entry.job.call is not None]
            if len(self._waiting) >= self._wake_at:
                self._changed.notify()
        if answered:
            self._deliver(answered)
        return ticket

    def close(self) -> None:
        """Blocks until all waiting inputs are answered and the threads have ended."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while batch := self._next():
            started = time.monotonic()
            self._run(batch)
            seconds = time.monotonic() - started
            self._pace = seconds / len(batch)
            done = [entry for entry in batch if entry.job.call is None or entry.error is not None]
            with self._changed:
                self._running -= len(batch)
                self._expected = len(batch) + len(self._waiting) + self._running
                self._waiting[:0] = [entry for entry in batch if entry.job.call is not None and entry.error is None]
            self._hand_over(done)
            self._notify(partial(self._observer.on_run, len(batch), seconds))
            self._notify_depth()

    def _notify_depth(self) -> None:
        self._notify(lambda: self._observer.on_queue(self.depth))

    def _notify(self, call: Callable[[], None]) -> None:
        try:
            call()
        except OSError as error:  # such as a full disk; requests are answered all the same
            log("metrics are not written", logging.ERROR, error=str(error))

    def _next(self) -> list[_QueuedJob] | None:
        """Waits for the batch to run next, see `Scheduler.choose`. None: the engine has been closed and nothing waits."""
        with self._changed:
            while True:
                self._waiting = [entry for entry in self._waiting if not entry.ticket.cancelled]
                if not self._waiting:
                    if self._closing:
                        return None
                    self._notify_depth()  # cancelled inputs have left the queue
                    self._wake_at = 1
                    self._changed.wait()
                elif (pause := self._pause()) > 0:
                    self._changed.wait(pause)
                else:
                    self._wake_at = 1
                    chosen = set(map(id, self.scheduler.choose([entry.job for entry in self._waiting])))
                    batch = [entry for entry in self._waiting if id(entry.job) in chosen]
                    self._waiting = [entry for entry in self._waiting if id(entry.job) not in chosen]
                    self._running += len(batch)
                    if self._waiting:
                        self._changed.notify()
                    return batch

    def _pause(self) -> float:
        """Seconds to wait for further inputs before the next run; 0 or less: run at once. Sets from how many inputs on
        `submit` ends the wait.
        """
        self._wake_at = min(self._expected - self._running, self.scheduler.rows)
        if self._closing or len(self._waiting) >= self._wake_at:
            return 0.0
        pause = self._waiting[0].arrived + self._wait - time.monotonic()
        if pause <= 0:
            self._expected = 0  # the expected inputs did not come
        return pause

    def _run(self, batch: Sequence[_QueuedJob]) -> None:
        """Runs the batch, then each codec up to its next call. An error fails only the ticket of the input that causes it."""
        failed = partial(_log_failure, len(batch))
        for entry, outcome in zip(batch, self.scheduler.run_each([entry.job for entry in batch], failed), strict=True):
            if isinstance(outcome, Exception):
                entry.error = outcome
            elif not entry.ticket.cancelled:  # a cancelled ticket needs no answer
                try:
                    self.scheduler.advance(entry.job, outcome)
                except Exception as error:
                    entry.error = error

    def _hand_over(self, done: list[_QueuedJob]) -> None:
        if done and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, done)

    def _deliver(self, done: Sequence[_QueuedJob]) -> None:
        for entry in done:
            ticket = entry.ticket
            ticket.unanswered -= 1
            if ticket.answers.done():
                continue
            if entry.error is not None:
                ticket.cancel()
                ticket.failed = ticket.jobs.index(entry.job) + 1
                ticket.answers.set_exception(entry.error)
            elif ticket.unanswered == 0:
                ticket.answers.set_result([job.response or {} for job in ticket.jobs])


def _log_failure(inputs: int, error: Exception) -> None:
    log("a run failed; its inputs run one by one", logging.WARNING, inputs=inputs, type=type(error).__name__)
