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
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from framework.artifact.sealed import ArtifactRef
from framework.errors import FrameworkError, InputError
from framework.server.logs import log, start_logging
from framework.server.settings import Settings
from framework.server.swap import Coordinator, on_sighup

SPAWN = multiprocessing.get_context("spawn")
PATIENCE = 120.0  # seconds that a process has to open and prove an artifact
QUICKLY = 5.0  # seconds: for a process that ends earlier than this after its start the next waits a while
SHORTEST, LONGEST = 0.5, 30.0  # seconds that it waits


class LineError(FrameworkError):
    """The other end is gone, or does not answer."""


class RpcPipe:
    """Calls to whoever serves the other end of a pipe, one at a time."""

    def __init__(self, pipe: Connection, patience: float) -> None:
        self._pipe, self._patience, self._lock, self._numbers = pipe, patience, threading.Lock(), count(1)

    def call(self, verb: str, *arguments: Any) -> Any:
        """Raises InputError with what went wrong there, LineError when nobody answers within `patience` seconds."""
        try:
            with self._lock:
                number = next(self._numbers)
                self._pipe.send((number, verb, arguments))
                answered = 0
                while answered != number:  # an answer that came too late is not this one's
                    if not self._pipe.poll(self._patience):
                        raise LineError(f"a process did not answer within {self._patience:g} s")
                    answered, problems, value = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise LineError("a process ended meanwhile") from error
        if problems:
            raise InputError(*problems)
        return value


def serve_line(pipe: Connection, verbs: Mapping[str, Callable[..., Any]]) -> None:
    """Answers calls until the other end is gone."""
    with suppress(OSError, EOFError):
        while True:
            number, verb, arguments = pipe.recv()
            problems, value = [], None
            try:
                value = verbs[verb](*arguments)
            except FrameworkError as error:
                problems = str(error).splitlines()
            except Exception as error:
                problems = [f"{type(error).__name__}: {error}"]
            pipe.send((number, problems, value))


class Worker:
    """A process of the fleet, as the parent sees it: a `Member` of swaps. pause: seconds it was waited for."""

    def __init__(self, fleet: Fleet, pause: float = SHORTEST) -> None:
        (ours, theirs), (asking, asked) = SPAWN.Pipe(), SPAWN.Pipe()
        arguments = (fleet.settings, dict(fleet.coordinator.now), fleet.listener, theirs, asking)
        self.process: SpawnProcess = SPAWN.Process(target=work, args=arguments, daemon=True)
        self.started, self.pause = time.monotonic(), pause
        self.ready = threading.Event()
        self.process.start()
        theirs.close()
        asking.close()
        self._line = RpcPipe(ours, PATIENCE)
        verbs = {"loaded": self.ready.set, "swap": fleet.coordinator.swap, "rollback": fleet.coordinator.rollback}
        threading.Thread(target=serve_line, args=(asked, verbs), daemon=True).start()

    def prepare(self, places: Mapping[str, ArtifactRef], check: bool) -> None:
        until = time.monotonic() + PATIENCE
        while not self.ready.wait(0.1):  # it loads what answered when it was started
            if not self.process.is_alive() or time.monotonic() > until:
                raise FrameworkError("a process is not ready")
        try:
            self._line.call("prepare", places, check)
        except LineError:
            self.process.kill()  # nobody knows what it has opened
            raise

    def commit(self) -> None:
        """A process that cannot is ended, and another is started with what answers then."""
        self._or_end("commit")

    def abort(self) -> None:
        self._or_end("abort")

    def _or_end(self, verb: str) -> None:
        try:
            self._line.call(verb)
        except FrameworkError:
            self.process.kill()


class Fleet:
    """loaded: called once every process answers."""

    def __init__(self, settings: Settings, count: int, listener: socket.socket, loaded: Callable[[], None]) -> None:
        self.settings, self.count, self.listener, self._loaded = settings, count, listener, loaded
        self.coordinator = Coordinator(settings, lambda: list(self.workers))
        self.workers: list[Worker] = []
        self._signals: list[int] = []
        self._begun = self._stopping = False
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
                threading.Thread(target=on_sighup, args=(self.coordinator,), daemon=True).start()
            for worker in [worker for worker in self.workers if not worker.process.is_alive()]:
                self.workers.remove(worker)
                log("a process ended", logging.ERROR, code=worker.process.exitcode)
                self._begun |= worker.ready.is_set()
                if not self._begun and not any(other.ready.is_set() for other in self.workers):
                    return self._stop(abs(worker.process.exitcode or 1))  # nor would another start
                threading.Thread(target=self._replace, args=(worker,), daemon=True).start()

    def _replace(self, ended: Worker) -> None:
        """Starts another with what answers then, later and later while they end before they are ready."""
        with suppress(OSError):
            mark_process_dead(ended.process.pid)
        quickly = time.monotonic() - ended.started < QUICKLY or not ended.ready.is_set()
        pause = min(2 * ended.pause, LONGEST) if quickly else 0.0
        time.sleep(pause)
        while True:
            try:
                with self.coordinator.lock:
                    if self._stopping:
                        return
                    self.workers.append(Worker(self, max(pause, SHORTEST)))
                break
            except OSError as error:  # no memory, handles or processes at the moment
                log("no process could be started", logging.ERROR, error=str(error))
                time.sleep(SHORTEST)
        os.write(self._woken, b".")

    def _stop(self, code: int) -> int:
        """Lets every process answer what it has begun; told again, ends them at once."""
        self._stopping = True
        self.listener.close()
        until = time.monotonic() + self.settings.drain + 2
        for worker in self.workers:
            worker.process.terminate()
        while any(worker.process.is_alive() for worker in self.workers):
            if time.monotonic() > until or any(number != signal.SIGHUP for number in self._signals):
                for worker in self.workers:
                    worker.process.kill()
            time.sleep(0.02)
        return code


class _Swaps:
    """Asks the parent, who has every process do it."""

    def __init__(self, line: RpcPipe) -> None:
        self._line = line

    def swap(self, name: str | None) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = self._line.call("swap", name)
        return done

    def rollback(self, name: str | None) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = self._line.call("rollback", name)
        return done


def work(
    settings: Settings, places: Mapping[str, ArtifactRef], listener: socket.socket, told: Connection, asking: Connection
) -> None:
    """The life of a process of the fleet. It ends when its parent is gone."""
    import sys

    from framework.server.model_store import ModelStore
    from framework.server.process import Process
    from framework.server.swap import Local

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent's to act upon
    line = RpcPipe(asking, 3 * PATIENCE)  # for what the parent asks of every process

    def swaps(shelf: ModelStore) -> _Swaps:
        member = Local(shelf)
        verbs = {name: getattr(member, name) for name in ("prepare", "commit", "abort")}

        def listen() -> None:
            serve_line(told, verbs)
            process.stop()

        threading.Thread(target=listen, daemon=True).start()
        return _Swaps(line)

    def loaded() -> None:
        threading.Thread(target=line.call, args=("loaded",), daemon=True).start()

    process = Process(settings, places, swaps, loaded, member=True)
    try:
        process.run(listener)
    except FrameworkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
