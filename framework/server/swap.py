"""Hot swap in every process or in none: all of them open and prove the new artifacts before any of them answers with one."""

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
    """A process that serves: see `ModelStore`, whose methods these are. Each raises FrameworkError."""

    def prepare(self, places: Mapping[str, ArtifactRef], check: bool) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...


class Local:
    """The shelf of this process, used from another thread than its event loop's."""

    def __init__(self, shelf: ModelStore) -> None:
        self.shelf = shelf

    def prepare(self, places: Mapping[str, ArtifactRef], check: bool) -> None:
        self.shelf.prepare(places, check)

    def commit(self) -> None:
        self._in_loop(self.shelf.commit)

    def abort(self) -> None:
        self._in_loop(self.shelf.abort)

    def _in_loop(self, work: Callable[[], None]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self.shelf.loop).result()


class Coordinator:
    """Swaps and rolls back in all members, one change at a time.

    now: what answers, for a process that starts later. Artifacts are looked for again at each swap, where the settings say
    they are: ``runs/sentiment/latest`` follows training.
    """

    def __init__(self, settings: Settings, members: Callable[[], Sequence[Member]]) -> None:
        self.settings, self.members = settings, members
        self.now = {name: locate_artifact(address) for name, address in settings.models.items()}
        self.before: dict[str, ArtifactRef] = {}
        self.lock = threading.Lock()

    def swap(self, name: str | None = None) -> list[dict[str, Any]]:
        """The model and version that answer now, for one model or for all. Raises FrameworkError; then nothing changed."""
        with self.lock:
            names = self.settings.models if name is None else [self.settings.chosen(name)]
            return self._change({each: locate_artifact(self.settings.models[each]) for each in names}, check=True)

    def rollback(self, name: str | None = None) -> list[dict[str, Any]]:
        """To the version that answered before, without its files being looked at again. Without a name: the only model."""
        with self.lock:
            if name is None and len(self.settings.models) > 1:
                raise InputError(f"name the model to roll back: {', '.join(self.settings.models)}")
            chosen = self.settings.chosen(name)
            if chosen not in self.before:
                raise InputError(f"{chosen} has no version to go back to: it was not swapped since the server started")
            return self._change({chosen: self.before[chosen]}, check=False)

    def _change(self, places: Mapping[str, ArtifactRef], check: bool) -> list[dict[str, Any]]:
        members = self.members()
        with ThreadPoolExecutor(max(1, len(members))) as pool:
            prepared = [pool.submit(member.prepare, places, check) for member in members]
        if problems := _problems(prepared):
            for member in members:
                member.abort()
            raise InputError(*problems, "nothing was changed")
        for member in members:
            member.commit()
        for name, place in places.items():
            if place.version != self.now[name].version:
                self.before[name], self.now[name] = self.now[name], place
        return [{"model": name, "version": place.version} for name, place in places.items()]


def _problems(prepared: Sequence[Future[None]]) -> list[str]:
    """What went wrong, once, although several processes say it."""
    found: dict[str, None] = {}
    for error in (each.exception() for each in prepared):
        if error is not None:
            lines = str(error).splitlines() if isinstance(error, FrameworkError) else [f"{type(error).__name__}: {error}"]
            found |= dict.fromkeys(lines)
    return list(found)


def on_sighup(coordinator: Coordinator) -> None:
    """SIGHUP: swaps every model; what is wrong is logged and changes nothing."""
    try:
        log("swapped", models=coordinator.swap())
    except FrameworkError as error:
        log("not swapped", logging.ERROR, problems=str(error).splitlines())
