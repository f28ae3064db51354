"""Several processes on one socket: starts, watches, swaps and stops them together."""

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
TIMEOUT = 120.0  # seconds that a process has to open and verify an artifact
SHORT_LIFE = 5.0  # seconds: the replacement of a process that lived shorter starts after a pause
MIN_PAUSE, MAX_PAUSE = 0.5, 30.0  # seconds of that pause


class PipeError(FrameworkError):
    """The process at the other end of a pipe is gone or does not answer."""


class RpcPipe:
    """Calls functions of the process at the other end of a pipe, one at a time; see `serve_calls`.

    timeout: seconds that a call may take.
    """

    def __init__(self, pipe: Connection, timeout: float) -> None:
        self._pipe, self._timeout, self._lock, self._numbers = pipe, timeout, threading.Lock(), count(1)

    def call(self, name: str, *arguments: Any) -> Any:
        """Calls the function `name`; returns the value that it returns in the other process.

        Raises InputError with the problems that the function reports, PipeError after the timeout and if the process ended.
        """
        try:
            with self._lock:
                number = next(self._numbers)
                self._pipe.send((number, name, arguments))
                answered = 0
                while answered != number:  # skips late answers to calls that timed out
                    if not self._pipe.poll(self._timeout):
                        raise PipeError(f"a process did not answer within {self._timeout:g} s")
                    answered, problems, value = self._pipe.recv()
        except (OSError, EOFError) as error:
            raise PipeError("a process ended meanwhile") from error
        if problems:
            raise InputError(*problems)
        return value


def serve_calls(pipe: Connection, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Answers the calls of an `RpcPipe` until the process at the other end is gone. functions: by the name in the call."""
    with suppress(OSError, EOFError):
        while True:
            number, name, arguments = pipe.recv()
            problems, value = [], None
            try:
                value = functions[name](*arguments)
            except FrameworkError as error:
                problems = str(error).splitlines()
            except Exception as error:
                problems = [f"{type(error).__name__}: {error}"]
            pipe.send((number, problems, value))


class Worker:
    """A process of the fleet, as its parent sees it; a `Member` of swaps.

    pause: seconds that the parent waited before it started this process; a replacement may wait twice as long.
    """

    def __init__(self, fleet: Fleet, pause: float = MIN_PAUSE) -> None:
        (to_worker, commands), (to_parent, requests) = SPAWN.Pipe(), SPAWN.Pipe()
        arguments = (fleet.settings, dict(fleet.coordinator.current), fleet.listener, commands, to_parent)
        self.process: SpawnProcess = SPAWN.Process(target=run_worker, args=arguments, daemon=True)
        self.started, self.pause = time.monotonic(), pause
        self.ready = threading.Event()
        self.process.start()
        commands.close()
        to_parent.close()
        self._worker = RpcPipe(to_worker, TIMEOUT)
        functions = {"loaded": self.ready.set, "swap": fleet.coordinator.swap, "rollback": fleet.coordinator.rollback}
        threading.Thread(target=serve_calls, args=(requests, functions), daemon=True).start()

    def prepare(self, artifacts: Mapping[str, ArtifactRef], check: bool) -> None:
        until = time.monotonic() + TIMEOUT
        while not self.ready.wait(0.1):  # the process is still loading its first artifacts
            if not self.process.is_alive() or time.monotonic() > until:
                raise FrameworkError("a process is not ready")
        try:
            self._worker.call("prepare", artifacts, check)
        except PipeError:
            self.process.kill()  # the state of the process is unknown
            raise

    def commit(self) -> None:
        """Commits in the process. A process that fails to commit is killed; its replacement loads the current artifacts."""
        self._call_or_kill("commit")

    def abort(self) -> None:
        self._call_or_kill("abort")

    def _call_or_kill(self, name: str) -> None:
        try:
            self._worker.call(name)
        except FrameworkError:
            self.process.kill()


class Fleet:
    """The parent of `count` processes that serve one socket, `listener`. loaded: called once, when every process answers."""

    def __init__(self, settings: Settings, count: int, listener: socket.socket, loaded: Callable[[], None]) -> None:
        self.settings, self.count, self.listener, self._loaded = settings, count, listener, loaded
        self.coordinator = Coordinator(settings, lambda: list(self.workers))
        self.workers: list[Worker] = []
        self._signals: list[int] = []
        self._was_ready = self._stopping = False  # _was_ready: some process that has ended had loaded its models
        self._waker = -1  # a file descriptor; signals and `_replace` write to it, which wakes `_watch`

    def run(self) -> int:
        """Serves until stopped; returns the exit code."""
        start_logging()
        with tempfile.TemporaryDirectory(prefix="framework-metrics-") as shared:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
            wakeups, self._waker = os.pipe()
            os.set_blocking(self._waker, False)
            signal.set_wakeup_fd(self._waker)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _: self._signals.append(number))
            self.workers = [Worker(self) for _ in range(self.count)]
            threading.Thread(target=self._announce, args=(list(self.workers),), daemon=True).start()
            return self._watch(wakeups)

    def _announce(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            worker.ready.wait()
        self._loaded()

    def _watch(self, wakeups: int) -> int:
        """Handles signals and replaces processes that end, until stopped; returns the exit code.

        wakeups: the file descriptor from which to read what is written to `_waker`.
        """
        while True:
            if wakeups in wait([wakeups, *(worker.process.sentinel for worker in self.workers)]):
                os.read(wakeups, 1000)
            while self._signals:
                if self._signals.pop(0) != signal.SIGHUP:
                    return self._stop(0)
                threading.Thread(target=on_sighup, args=(self.coordinator,), daemon=True).start()
            for worker in [worker for worker in self.workers if not worker.process.is_alive()]:
                self.workers.remove(worker)
                log("a process ended", logging.ERROR, code=worker.process.exitcode)
                self._was_ready |= worker.ready.is_set()
                if not self._was_ready and not any(other.ready.is_set() for other in self.workers):
                    return self._stop(abs(worker.process.exitcode or 1))  # a replacement would not start either
                threading.Thread(target=self._replace, args=(worker,), daemon=True).start()

    def _replace(self, ended: Worker) -> None:
        """Starts a process with the current artifacts, after a pause that doubles while processes end early."""
        with suppress(OSError):
            mark_process_dead(ended.process.pid)
        early = time.monotonic() - ended.started < SHORT_LIFE or not ended.ready.is_set()
        pause = min(2 * ended.pause, MAX_PAUSE) if early else 0.0
        time.sleep(pause)
        while True:
            try:
                with self.coordinator.lock:
                    if self._stopping:
                        return
                    self.workers.append(Worker(self, max(pause, MIN_PAUSE)))
                break
            except OSError as error:  # no memory, handles or processes at the moment
                log("no process could be started", logging.ERROR, error=str(error))
                time.sleep(MIN_PAUSE)
        os.write(self._waker, b".")

    def _stop(self, code: int) -> int:
        """Stops every process after the requests under way; returns `code`. A further signal kills the processes."""
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


class _ParentSwaps:
    """`Swaps` that ask the parent to change models in every process."""

    def __init__(self, parent: RpcPipe) -> None:
        self._parent = parent

    def swap(self, name: str | None) -> list[dict[str, Any]]:
        versions: list[dict[str, Any]] = self._parent.call("swap", name)
        return versions

    def rollback(self, name: str | None) -> list[dict[str, Any]]:
        versions: list[dict[str, Any]] = self._parent.call("rollback", name)
        return versions


def run_worker(
    settings: Settings,
    artifacts: Mapping[str, ArtifactRef],
    listener: socket.socket,
    commands: Connection,
    to_parent: Connection,
) -> None:
    """Main function of a process of the fleet. Returns when the process is stopped, or its parent is gone.

    artifacts: by name of a model. commands: the end of a pipe on which the parent calls `LocalMember`. to_parent: the end of a
    pipe on which this process calls the parent.
    """
    import sys

    from framework.server.model_store import ModelStore
    from framework.server.process import Process
    from framework.server.swap import LocalMember

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent handles this signal
    parent = RpcPipe(to_parent, 3 * TIMEOUT)  # longer, because the parent in turn calls every process

    def swaps(store: ModelStore) -> _ParentSwaps:
        member = LocalMember(store)
        functions = {name: getattr(member, name) for name in ("prepare", "commit", "abort")}

        def listen() -> None:
            serve_calls(commands, functions)
            process.stop()

        threading.Thread(target=listen, daemon=True).start()
        return _ParentSwaps(parent)

    def loaded() -> None:
        threading.Thread(target=parent.call, args=("loaded",), daemon=True).start()

    process = Process(settings, artifacts, swaps, loaded, member=True)
    try:
        process.run(listener)
    except FrameworkError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
