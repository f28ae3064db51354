"""Ctrl-C: ends a run early, gives up work, or waits for the end of work that must not be interrupted."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from framework.machine.disk import shown


class Stopped(BaseException):
    """Raised by a Ctrl-C in work that is given up. Not an Exception, so that no library takes it for a failure of the work."""


@dataclass
class Stop:
    """The wish of the user that the run ends early, with an artifact of what is fitted."""

    asked: bool = False
    work: str = ""
    """What the run does now and gives up when the user presses Ctrl-C; empty: nothing."""

    @contextmanager
    def giving_up(self, work: str) -> Iterator[None]:
        """A Ctrl-C in the block raises `Stopped` there. work: what the block does, for the user."""
        self.work = work
        try:
            yield
        finally:
            self.work = ""


class Stopping:
    """What a Ctrl-C does in a run, and the line that says so."""

    def __init__(self, stop: Stop, say: Callable[[str], None], folder: Path) -> None:
        """say: shows a line. folder: the run's."""
        self.stop, self.say, self.folder = stop, say, folder
        self.fitted: Sequence[str] = ()
        """Names of the candidates that could ship if the user stopped the run now."""
        self.seconds = 0.0
        """Expected until the end of the run then."""

    def expect(self, seconds: float, fitted: Sequence[str] | None = None) -> None:
        """Notes what a Ctrl-C would lead to from here on.

        seconds: expected until the end of a run that is stopped. fitted: names of the candidates that could ship; None: as
        before. Without such a candidate a Ctrl-C ends the run.
        """
        self.seconds = seconds
        self.fitted = self.fitted if fitted is None else fitted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handles SIGINT in the block, in the main thread of a program that has no handler of its own."""
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT) if in_main else None
        if before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _press(self, number: int, frame: FrameType | None) -> None:
        """Handles SIGINT. Raises KeyboardInterrupt where the run ends, `Stopped` in work that is given up."""
        if self.stop.asked or not self.fitted:
            raise KeyboardInterrupt
        self.stop.asked, work, self.stop.work = True, self.stop.work, ""
        line = self._line(work)
        with suppress(RuntimeError):  # the signal may come within another print
            self.say(line)
        if work:
            raise Stopped

    def _line(self, work: str) -> str:
        ships = f"{self.fitted[0]} ships" if len(self.fitted) == 1 else f"the best of {', '.join(self.fitted)} ships"
        given_up = f"; {work} is given up" if work else ""
        again = f"Ctrl-C again ends at once, and keeps {shown(self.folder)} for the verb resume"
        return f"\nstopping: {ships}{given_up}; {self.remaining()}. {again}"

    def remaining(self) -> str:
        """How long the rest of a stopped run takes, in words."""
        return f"the rest takes about {self.seconds:.0f} s"


@contextmanager
def deferred() -> Iterator[None]:
    """Defers a Ctrl-C to the end of the block, where the handler before the block gets it; a second Ctrl-C interrupts at once.

    Does nothing outside the main thread, and where Python does not handle SIGINT. torch's tracers call Python from C++, where
    an exception at the wrong moment causes a segmentation fault.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    frames: list[FrameType | None] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if frames:
            raise KeyboardInterrupt
        frames.append(frame)
        print("stopping when this file is written; Ctrl-C again stops at once", file=sys.stderr)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if frames:
        before(signal.SIGINT, frames[0])
