"""Dynamic batching: requests that wait together run together, in threads beside the event loop."""

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
    """seconds: after which there may be room."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds


@dataclass(eq=False)
class Ticket:
    """The inputs of one request on their way. answers: ends with their responses in order, or with an error.

    failed: the number of the input that the error is of.
    """

    answers: asyncio.Future[list[Response]]
    jobs: list[Job]
    left: int
    failed: int | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        """What is not running yet never will, and what runs goes no further."""
        self.cancelled = True


@dataclass(eq=False)
class _Waiting:
    ticket: Ticket
    job: Job
    arrived: float = field(default_factory=time.monotonic)
    error: Exception | None = None


class Watch(Protocol):
    """Is told what the engine does, in its thread."""

    def ran(self, inputs: int, seconds: float) -> None: ...
    def queued(self, inputs: int) -> None: ...


class Engine:
    """Answers the requests of an event loop with a scheduler.

    wait: seconds that the oldest request may wait for others; it waits only while others can be expected, because more
        requests were under way when the last run ended than wait now.
    queue: inputs that may wait. threads: runs at once, each in a thread of its own.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        loop: asyncio.AbstractEventLoop,
        watch: Watch,
        wait: float = 0.0,
        queue: int = 1000,
        threads: int = 1,
    ) -> None:
        self.scheduler = scheduler
        self._loop, self._wait, self._queue, self._watch = loop, wait, queue, watch
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._preparing = 0  # changed in the event loop alone
        self._running = self._expected = 0
        self._enough = 1  # inputs at which a thread that waits is woken
        self._closing = False
        self._pace = 0.0  # seconds for an input, lately
        name = f"engine-{next(_NUMBERS)}"
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{lane}", daemon=True) for lane in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def depth(self) -> int:
        """Inputs that wait, or are being prepared to."""
        return len(self._waiting) + self._preparing

    def check_room(self, inputs: int) -> None:
        """Raises QueueFullError where there is no room for so many inputs."""
        if self.depth + inputs > self._queue:
            raise QueueFullError(max(1, round(self.depth * self._pace)))

    @contextmanager
    def place(self, inputs: int) -> Iterator[None]:
        """Room for so many inputs while they are prepared and submitted. Raises QueueFullError when there is none."""
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
        """Runs the codec up to its first calls; in any thread, for long texts take their time.

        on_event: told the events of all of them, in the threads that run them. steps: None: those of an answer.
        """
        return [self.scheduler.begin((steps or self.scheduler.codec.start)(request), on_event) for request in requests]

    def submit(self, jobs: list[Job]) -> Ticket:
        """Called in the event loop; within `place`, unless nothing else ran there since `check_room`."""
        if not self.alive():
            raise RuntimeError("the thread that runs the model has ended")
        ticket = Ticket(self._loop.create_future(), jobs, left=len(jobs))
        waiting = [_Waiting(ticket, job) for job in jobs]
        answered = [each for each in waiting if each.job.call is None]
        with self._changed:
            self._waiting += [each for each in waiting if each.job.call is not None]
            if len(self._waiting) >= self._enough:
                self._changed.notify()
        if answered:
            self._deliver(answered)
        return ticket

    def close(self) -> None:
        """Answers what waits, then ends the threads."""
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
            done = [each for each in batch if each.job.call is None or each.error is not None]
            with self._changed:
                self._running -= len(batch)
                self._expected = len(batch) + len(self._waiting) + self._running
                self._waiting[:0] = [each for each in batch if each.job.call is not None and each.error is None]
            self._hand_over(done)
            self._tell(partial(self._watch.ran, len(batch), seconds))
            self._tell_depth()

    def _tell_depth(self) -> None:
        self._tell(lambda: self._watch.queued(self.depth))

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            what()
        except OSError as error:  # the file of a metric cannot grow: answers go on
            log("metrics are not written", logging.ERROR, error=str(error))

    def _next(self) -> list[_Waiting] | None:
        """The batch to run next: the oldest input, and those that are most like it in length."""
        with self._changed:
            while True:
                self._waiting = [each for each in self._waiting if not each.ticket.cancelled]
                if not self._waiting:
                    if self._closing:
                        return None
                    self._tell_depth()  # those who left are not waited for any more
                    self._enough = 1
                    self._changed.wait()
                elif (pause := self._pause()) > 0:
                    self._changed.wait(pause)
                else:
                    self._enough = 1
                    chosen = set(map(id, self.scheduler.choose([each.job for each in self._waiting])))
                    batch = [each for each in self._waiting if id(each.job) in chosen]
                    self._waiting = [each for each in self._waiting if id(each.job) not in chosen]
                    self._running += len(batch)
                    if self._waiting:
                        self._changed.notify()
                    return batch

    def _pause(self) -> float:
        self._enough = min(self._expected - self._running, self.scheduler.rows)
        if self._closing or len(self._waiting) >= self._enough:
            return 0.0
        pause = self._waiting[0].arrived + self._wait - time.monotonic()
        if pause <= 0:
            self._expected = 0  # they did not come
        return pause

    def _run(self, batch: Sequence[_Waiting]) -> None:
        """Whatever a backend or codec raises fails the requests that it cannot answer, not their neighbours nor the server."""
        failed = partial(_log_failure, len(batch))
        for each, outcome in zip(batch, self.scheduler.run_each([each.job for each in batch], failed), strict=True):
            if isinstance(outcome, Exception):
                each.error = outcome
            elif not each.ticket.cancelled:  # else nobody hears what it would say
                try:
                    self.scheduler.advance(each.job, outcome)
                except Exception as error:
                    each.error = error

    def _hand_over(self, done: list[_Waiting]) -> None:
        if done and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, done)

    def _deliver(self, done: Sequence[_Waiting]) -> None:
        for each in done:
            ticket = each.ticket
            ticket.left -= 1
            if ticket.answers.done():
                continue
            if each.error is not None:
                ticket.cancel()
                ticket.failed = ticket.jobs.index(each.job) + 1
                ticket.answers.set_exception(each.error)
            elif ticket.left == 0:
                ticket.answers.set_result([job.response or {} for job in ticket.jobs])


def _log_failure(inputs: int, error: Exception) -> None:
    log("a run failed; its inputs run one by one", logging.WARNING, inputs=inputs, type=type(error).__name__)
