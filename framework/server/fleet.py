"""Several processes on one port: started, watched, swapped together, stopped together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from framework.artifact import Place
from framework.errors import FrameworkError, InputError
from framework.server.logs import log, start_logging
from framework.server.settings import Settings
from framework.server.swap import Coordinator, hang_up

SPAWN = multiprocessing.get_context("spawn")
PATIENCE = 120.0  # seconds that a process has to open and prove an artifact
QUICKLY = 5.0  # seconds: a process that ends earlier than this after its start is not started again at once


class Line:
    """Calls to whoever serves the other end of a pipe, one at a time."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def call(self, verb: str, *arguments: Any) -> Any:
        """Raises InputError with what went wrong there, FrameworkError when nobody answers."""
        try:
            with self._lock:
                self._pipe.send((verb, arguments))
                if not self._pipe.poll(PATIENCE):
                    raise FrameworkError(f"a process did not answer within {PATIENCE:g} s")
                problems, value = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise FrameworkError("a process ended meanwhile") from error
        if problems:
            raise InputError(*problems)
        return value


def serve_line(pipe: Connection, verbs: Mapping[str, Callable[..., Any]]) -> None:
    """Answers calls until the other end is gone."""
    with suppress(OSError, EOFError):
        while True:
            verb, arguments = pipe.recv()
            try:
                answer: tuple[Sequence[str], Any] = ((), verbs[verb](*arguments))
            except FrameworkError as error:
                answer = (str(error).splitlines(), None)
            except Exception as error:
                answer = ((f"{type(error).__name__}: {error}",), None)
            pipe.send(answer)


class Worker:
    """A process of the fleet, as the parent sees it: a `Member` of swaps."""

    def __init__(self, fleet: Fleet) -> None:
        (ours, theirs), (asking, asked) = SPAWN.Pipe(), SPAWN.Pipe()
        arguments = (fleet.settings, dict(fleet.coordinator.now), fleet.listener, theirs, asking)
        self.process: SpawnProcess = SPAWN.Process(target=work, args=arguments, daemon=True)
        self.started = time.monotonic()
        self.ready = threading.Event()
        self.process.start()
        theirs.close()
        asking.close()
        self._line = Line(ours)
        verbs = {"loaded": self.ready.set, "swap": fleet.coordinator.swap, "rollback": fleet.coordinator.rollback}
        threading.Thread(target=serve_line, args=(asked, verbs), daemon=True).start()

    def prepare(self, places: Mapping[str, Place], check: bool) -> None:
        until = time.monotonic() + PATIENCE
        while not self.ready.wait(0.1):  # it loads what answered when it was started
            if not self.process.is_alive() or time.monotonic() > until:
                raise FrameworkError("a process is not ready")
        self._line.call("prepare", places, check)

    def commit(self) -> None:
        self._quietly("commit")

    def abort(self) -> None:
        self._quietly("abort")

    def _quietly(self, verb: str) -> None:
        """A process that has died is started anew with what answers then."""
        with suppress(FrameworkError):
            self._line.call(verb)


class Fleet:
    """loaded: called once every process answers."""

    def __init__(self, settings: Settings, count: int, listener: socket.socket, loaded: Callable[[], None]) -> None:
        self.settings, self.count, self.listener, self._loaded = settings, count, listener, loaded
        self.coordinator = Coordinator(settings, lambda: list(self.workers))
        self.workers: list[Worker] = []
        self._signals: list[int] = []
        self._woken = -1  # written to by signals, and when there is another process to watch

    def run(self) -> int:
        """Serves until told to stop; returns the exit code."""
        start_logging()
        with tempfile.TemporaryDirectory(prefix="framework-metrics-") as shared:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
            waker, self._woken = os.pipe()
            os.set_blocking(self._woken, False)
            signal.set_wakeup_fd(self._woken)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _: self._signals.append(number))
            self.workers = [Worker(self) for _ in range(self.count)]
            threading.Thread(target=self._announce, args=(list(self.workers),), daemon=True).start()
            return self._watch(waker)

    def _announce(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            worker.ready.wait()
        self._loaded()

    def _watch(self, waker: int) -> int:
        while True:
            if waker in wait([waker, *(worker.process.sentinel for worker in self.workers)]):
                os.read(waker, 1000)
            while self._signals:
                if self._signals.pop(0) != signal.SIGHUP:
                    return self._stop(0)
                threading.Thread(target=hang_up, args=(self.coordinator,), daemon=True).start()
            for worker in [worker for worker in self.workers if not worker.process.is_alive()]:
                self.workers.remove(worker)
                log("a process ended", logging.ERROR, code=worker.process.exitcode)
                if not worker.ready.is_set():  # nor would another be
                    return self._stop(abs(worker.process.exitcode or 1))
                threading.Thread(target=self._replace, args=(worker,), daemon=True).start()

    def _replace(self, worker: Worker) -> None:
        """Starts another with what answers then: after a swap that is under way, and not at once when they end quickly."""
        mark_process_dead(worker.process.pid)
        if time.monotonic() - worker.started < QUICKLY:
            time.sleep(1)
        with self.coordinator.lock:
            self.workers.append(Worker(self))
        os.write(self._woken, b".")

    def _stop(self, code: int) -> int:
        self.listener.close()
        for worker in self.workers:
            if worker.process.is_alive():
                os.kill(worker.process.pid or 0, signal.SIGTERM)
        until = time.monotonic() + self.settings.drain + 2
        while any(worker.process.is_alive() for worker in self.workers):
            impatient = any(number != signal.SIGHUP for number in self._signals)
            if time.monotonic() > until or impatient:
                for worker in self.workers:
                    worker.process.kill()
            time.sleep(0.02)
        return code


class _Swaps:
    """Asks the parent, who has every process do it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def swap(self, name: str | None) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = self._line.call("swap", name)
        return done

    def rollback(self, name: str | None) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = self._line.call("rollback", name)
        return done


def work(
    settings: Settings, places: Mapping[str, Place], listener: socket.socket, told: Connection, asking: Connection
) -> None:
    """The life of a process of the fleet. It ends when its parent is gone."""
    import sys

    from framework.server.process import Process
    from framework.server.shelf import Shelf
    from framework.server.swap import Local

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent's to act upon
    line = Line(asking)

    def swaps(shelf: Shelf) -> _Swaps:
        member = Local(shelf)
        verbs = {name: getattr(member, name) for name in ("prepare", "commit", "abort")}

        def listen() -> None:
            serve_line(told, verbs)
            process.stop()

        threading.Thread(target=listen, daemon=True).start()
        return _Swaps(line)

    def loaded() -> None:
        threading.Thread(target=line.call, args=("loaded",), daemon=True).start()

    process = Process(settings, places, swaps, loaded, first=True)
    try:
        process.run(listener)
    except FrameworkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
