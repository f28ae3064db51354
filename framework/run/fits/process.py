"""A fit in a process of its own: its memory ends with it, and nothing that happens to it can end the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any

from framework.contracts.message import Message, message
from framework.machine.interrupts import Stopped
from framework.run.folder import read_json, write_json

ORDER, RESULT, OUTPUT, TOLD = "order.json", "result.json", "output.log", "told.jsonl"  # in the folder of the fit
MODULE = "framework.run.fits.worker"
POLL = 0.2  # seconds between looks at a fit, at most
ENDING = 60.0  # seconds that a first fit may take to end once the user has stopped the run
KILLING = 10.0  # seconds that a killed process may take to end
LINE = 200  # characters of the last line that a process printed, at most
TAIL = 4096  # bytes of its output in which that line is looked for


@dataclass(frozen=True)
class Order:
    """What the process of a fit does."""

    run: str
    """Folder of the run, whose recipe and rows it reads."""
    candidate: str
    competing: Sequence[str]
    """See `FitContext.competing`: a fit may use what those of the others left."""
    until: float | None
    """When it should have ended, by `time.time`; None: no limit."""
    searching: bool = True
    """Whether it belongs to a search, and is scored. Otherwise it is the candidate's first fit: it tells the run how far it is,
    goes on with a training that was stopped, and keeps what it has learned when the user stops the run."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """By full key of the recipe."""
    begin: str | None = None
    """The fitted folder to begin with; None: it begins anew."""
    beside: str | None = None
    """See `FitContext.beside`."""
    scoring: float = 0.0
    """Expected seconds after the fit."""
    answers: int = 0
    """See `Budget.answers`."""
    beyond: float = 0.0
    """See `Budget.beyond`."""
    trackers: Sequence[str] = ()
    """Names of the trackers that get the metrics of the training."""


@dataclass(frozen=True)
class Result:
    """How a fit ended."""

    seconds: float
    peak_bytes: int
    score: float | None = None
    """Of a fit in a search."""
    refused: tuple[str, ...] = ()
    """Why there is no fitted candidate, a sentence each."""
    failure: str = ""
    """Why not only the first fit but the run must end, such as by a full disk; empty: it need not."""
    averaged: bool = False
    """Whether its weights are the mean of its own and those of `Order.beside`."""
    stopped: bool = False
    """Whether the run, or the user, stopped it early."""


class FitProcesses:
    """Starts the processes of fits, one at a time. Each is forked from a fork server, a process that imports what fits need
    while cheaper candidates are fitted. A server that has died is replaced for the next fit.
    """

    def __init__(self, folder: Path, modules: Sequence[str]) -> None:
        """folder: for what the fork server prints. modules: that it imports."""
        self.folder, self.modules = folder, modules if sys.platform == "linux" else ()  # elsewhere libraries do not bear a fork
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> FitProcesses:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def begin(self) -> subprocess.Popen[bytes]:
        """Starts the fork server, unless it runs."""
        if self._server is None or self._server.poll() is not None:
            self._end()
            self.folder.mkdir(parents=True, exist_ok=True)
            path = os.pathsep.join(part or "." for part in sys.path)  # where this process finds plugins
            with (self.folder / OUTPUT).open("wb") as output:
                self._server = subprocess.Popen(  # noqa: S603  # of the same Python
                    [sys.executable, "-m", MODULE, str(os.getpid()), *self.modules],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=output,
                    bufsize=0,
                    env={**os.environ, "PYTHONPATH": path},
                    start_new_session=True,  # Ctrl-C reaches the run's process alone, which then ends this one
                )
        return self._server

    def _end(self) -> None:
        if self._server is not None:
            self._server.kill()  # and with it, on Linux, the process of a fit
            self._server.communicate()
            self._server = None

    def fit(self, folder: Path, order: Order, look: Callable[[], bool], deadline: float | None) -> Result:
        """Fits in a process of its own, and returns how it ended. Ends it where this process is interrupted.

        folder: for everything that the fit leaves. look: called several times a second; True stops it early. deadline: by
        `time.monotonic`, when it is ended; None: no limit. Raises `Stopped` where the user stopped the run and nothing is kept.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name in (RESULT, TOLD):  # of an earlier process of the run
            (folder / name).unlink(missing_ok=True)
        (folder / OUTPUT).write_bytes(b"")
        write_json(folder / ORDER, order)
        started = time.perf_counter()
        running = _Running(self.begin(), folder)
        try:
            ended = running.watched(look, deadline)
        except Stopped:
            if order.searching or running.pid is None:
                raise
            running.interrupt()
            ended = running.watched(look, min(deadline or inf, time.monotonic() + ENDING))
        finally:
            if not running.end():
                self._end()
        result = read_json(Result, folder / RESULT)
        if result is not None:  # also where it was ended after it
            return result
        seconds = round(time.perf_counter() - started, 1)
        if ended is not None:
            return Result(seconds, 0, refused=(ended,) if ended else (), stopped=not ended)
        return Result(seconds, 0, refused=(self._death(running, folder),))

    def _death(self, running: _Running, folder: Path) -> Message:
        """Why a process without a result ended."""
        code = running.code or 0
        if code == -signal.SIGKILL:
            return message("its process was killed, as the system does when memory is used up")
        if code < 0:
            return message("its process was ended by {signal}", signal=signal.Signals(-code).name)
        line = last_line((folder if running.pid is not None else self.folder) / OUTPUT)
        return message("its process ended with code {code}: {line}", code=code, line=line)


class _Running:
    """The process of one fit."""

    def __init__(self, server: subprocess.Popen[bytes], folder: Path) -> None:
        """Starts it."""
        assert server.stdin is not None
        assert server.stdout is not None
        self.server, self.answers, self.selector = server, server.stdout, DefaultSelector()
        self.selector.register(self.answers, EVENT_READ)
        self.pid: int | None = None
        """None: it has not begun."""
        self.code: int | None = None
        """Its exit code, negative for a signal; None: it has not ended."""
        with suppress(BrokenPipeError):  # the end of the answers says so
            server.stdin.write(os.fsencode(folder.resolve()) + b"\n")

    def watched(self, look: Callable[[], bool], deadline: float | None) -> str | None:
        """Waits for its end. Returns None where it has ended, "" where it is to be stopped, else why it is to be ended."""
        while not self._ended():
            if deadline is not None and time.monotonic() > deadline:
                return message("it took longer than the time that was left")
            if look():
                return ""
        return None

    def end(self) -> bool:
        """Ends it and the processes that it started, unless it has ended. Returns whether the fork server can start another."""
        if self.pid is not None:
            with suppress(ProcessLookupError):  # nothing is left of it
                os.killpg(self.pid, signal.SIGKILL)
            given_up = time.monotonic() + KILLING
            while not self._ended() and time.monotonic() < given_up:
                pass
        self.selector.close()
        return self.code is not None

    def interrupt(self) -> None:
        """Passes a Ctrl-C on."""
        if self.pid is not None:
            with suppress(ProcessLookupError):  # it has ended, and its exit code is on the way
                os.kill(self.pid, signal.SIGINT)

    def _ended(self) -> bool:
        """Waits a moment for the next answer of the fork server, which is first the pid, then the exit code."""
        if self.code is None and self.selector.select(POLL):
            answer = self.answers.readline()
            if not answer:  # the fork server has died
                self.code = self.server.wait()
            elif self.pid is None:
                self.pid = int(answer)
            else:
                self.code = int(answer)
        return self.code is not None


def last_line(path: Path) -> str:
    """The last line of a file that is not blank, cut to `LINE` characters; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(-min(TAIL, path.stat().st_size), os.SEEK_END)
        text = stream.read().decode(errors="replace")
    return next((line.strip()[:LINE] for line in reversed(text.splitlines()) if line.strip()), "")
