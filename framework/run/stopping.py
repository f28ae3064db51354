"""Ctrl-C during a run: the end of it while nothing could ship; later an early end with an artifact of what is fitted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from framework.contracts.candidate import Stop, Stopped
from framework.machine.disk import shown
from framework.report.console import Console


class Stopping:
    """What a Ctrl-C does in a run, and the line that says so."""

    def __init__(self, stop: Stop, console: Console, folder: Path) -> None:
        """folder: the run's."""
        self.stop, self.console, self.folder = stop, console, folder
        self._fitted: Sequence[str] = ()
        self._seconds = 0.0

    def expect(self, fitted: Sequence[str], seconds: float) -> None:
        """Notes what a Ctrl-C would lead to from here on.

        fitted: names of the competing candidates that could ship; empty: a Ctrl-C ends the run. seconds: expected until the end
        of a run that is stopped.
        """
        self._fitted, self._seconds = fitted, seconds

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
        if self.stop.asked or not self._fitted:
            raise KeyboardInterrupt
        self.stop.asked, work, self.stop.work = True, self.stop.work, ""
        line = self._line(work)
        with suppress(RuntimeError):  # the signal may come within another print
            self.console.say(line)
        if work:
            raise Stopped

    def _line(self, work: str) -> str:
        ships = f"{self._fitted[0]} ships" if len(self._fitted) == 1 else f"the best of {', '.join(self._fitted)} ships"
        given_up = f"; {work} is given up" if work else ""
        again = f"Ctrl-C again ends at once, and keeps {shown(self.folder)} for the verb resume"
        return f"\nstopping: {ships}{given_up}; {self.remaining()}. {again}"

    def remaining(self) -> str:
        """How long the rest of a stopped run takes, in words."""
        return f"the rest takes about {self._seconds:.0f} s"
