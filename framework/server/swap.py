"""Hot swap in every process or in none: all processes open and verify the new artifacts before any process answers with one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from framework.artifact.sealed import ArtifactRef, locate_artifact
from framework.errors import FrameworkError, InputError
from framework.server.logs import log
from framework.server.model_store import ModelStore
from framework.server.settings import Settings


class Member(Protocol):
    """A process that serves, as the `Coordinator` sees it. See the methods of `ModelStore`; each may raise FrameworkError."""

    def prepare(self, artifacts: Mapping[str, ArtifactRef], check: bool) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...


class LocalMember:
    """The model store of this process as a `Member`. Its methods must be called outside the thread of the event loop."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store

    def prepare(self, artifacts: Mapping[str, ArtifactRef], check: bool) -> None:
        self.store.prepare(artifacts, check)

    def commit(self) -> None:
        self._in_loop(self.store.commit)

    def abort(self) -> None:
        self._in_loop(self.store.abort)

    def _in_loop(self, work: Callable[[], None]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self.store.loop).result()


class Coordinator:
    """Swaps and rolls back in all members, one change at a time.

    Each swap resolves the addresses in the settings again, so that ``runs/sentiment/latest`` is the newest run. members:
    returns all processes that serve at the moment. lock: held during a change, so that whoever holds it sees no half-made
    change.
    """

    def __init__(self, settings: Settings, members: Callable[[], Sequence[Member]]) -> None:
        self.settings, self.members = settings, members
        self.current = {name: locate_artifact(address) for name, address in settings.models.items()}
        self.previous: dict[str, ArtifactRef] = {}
        self.lock = threading.Lock()

    def swap(self, name: str | None = None) -> list[dict[str, Any]]:
        """Swaps the model `name`, or with None all models; returns the versions that answer. Raises FrameworkError and then
        changes nothing.
        """
        with self.lock:
            names = self.settings.models if name is None else [self.settings.resolve(name)]
            return self._change({name: locate_artifact(self.settings.models[name]) for name in names}, check=True)

    def rollback(self, name: str | None = None) -> list[dict[str, Any]]:
        """Goes back to the previous version of a model without verifying the files again; returns the version that answers.

        name: None: the only model. Raises FrameworkError and then changes nothing.
        """
        with self.lock:
            if name is None and len(self.settings.models) > 1:
                raise InputError(f"name the model to roll back: {', '.join(self.settings.models)}")
            name = self.settings.resolve(name)
            if name not in self.previous:
                raise InputError(f"{name} has no version to go back to: it was not swapped since the server started")
            return self._change({name: self.previous[name]}, check=False)

    def _change(self, artifacts: Mapping[str, ArtifactRef], check: bool) -> list[dict[str, Any]]:
        members = self.members()
        with ThreadPoolExecutor(max(1, len(members))) as pool:
            prepared = [pool.submit(member.prepare, artifacts, check) for member in members]
        if problems := _problems(prepared):
            for member in members:
                member.abort()
            raise InputError(*problems, "nothing was changed")
        for member in members:
            member.commit()
        for name, artifact in artifacts.items():
            if artifact.version != self.current[name].version:
                self.previous[name], self.current[name] = self.current[name], artifact
        return [{"model": name, "version": artifact.version} for name, artifact in artifacts.items()]


def _problems(prepared: Sequence[Future[None]]) -> list[str]:
    """The problems that processes reported, without repeats."""
    problems: dict[str, None] = {}
    for error in (future.exception() for future in prepared):
        if error is not None:
            lines = str(error).splitlines() if isinstance(error, FrameworkError) else [f"{type(error).__name__}: {error}"]
            problems |= dict.fromkeys(lines)
    return list(problems)


def on_sighup(coordinator: Coordinator) -> None:
    """Swaps every model, on the signal SIGHUP. After a problem, which is logged, nothing is changed."""
    try:
        log("swapped", models=coordinator.swap())
    except FrameworkError as error:
        log("not swapped", logging.ERROR, problems=str(error).splitlines())
