"""The models of one process: opened and proven beside those that answer, then put in their place between two requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from framework.artifact.sealed import ArtifactRef, open_artifact
from framework.contracts.codec import Codec, Interface
from framework.contracts.graph import Response
from framework.contracts.serving.replies import RefusedError
from framework.contracts.serving.surface import Operation
from framework.errors import FrameworkError, InputError
from framework.machine.memory import give_back
from framework.runtime.model import Model
from framework.runtime.onnx import Device
from framework.server.engine import Engine
from framework.server.logs import log
from framework.server.metrics import Metrics
from framework.server.settings import Settings
from framework.server.surfaces.registry import BoundSurface, surfaces_of

SETTLED = 1.0  # seconds after a swap, when what it freed is given back
THREADS = 2  # runs at once, where there are as many threads: while one waits for a CPU the other goes on


@dataclass(eq=False)
class LoadedModel:
    """An artifact whose checksums hold and whose golden examples came out as sealed, and the engine that runs it.

    users: requests under way with it. surfaces: the names of those that serve it. first: whether it answers requests that name
    no model.
    """

    name: str
    version: str
    model: Model
    engine: Engine
    interface: Interface
    since: str
    surfaces: tuple[str, ...] = ()
    first: bool = True
    users: int = 0

    @property
    def codec(self) -> Codec:
        return self.model.codec

    @property
    def task(self) -> str:
        return self.model.manifest.task

    @cached_property
    def answering(self) -> Operation:
        return Operation("input", self.model.parse, self.model.codec.start)

    def catch_up(self) -> None:
        """Takes in what was added to the model, by whichever process. Raises RefusedError where it cannot be read."""
        try:
            self.model.catch_up()
        except FrameworkError as error:
            log("additions cannot be read", logging.ERROR, model=self.name, error=str(error))
            raise RefusedError(503, f"what was added to {self.name} cannot be read; the server's log says why") from error

    def keep(self, kept: Sequence[Response]) -> None:
        self.model.keep(kept)

    def about(self) -> dict[str, Any]:
        manifest, device = self.model.manifest, self.model.device
        return {
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "recipe": manifest.recipe,
            "created": manifest.created,
            "variant": self.model.variant.name,
            "provider": device.provider,
            "threads": device.threads,
            "serving_since": self.since,
        }

    def as_openai(self) -> dict[str, Any]:
        """The model in the words of OpenAI's interface. created: seconds since 1970, 0 where the manifest does not tell."""
        manifest, sealed = self.model.manifest, 0
        with suppress(ValueError):
            sealed = int(datetime.fromisoformat(manifest.created).timestamp())
        return {"id": self.name, "object": "model", "created": sealed, "owned_by": manifest.recipe}


@dataclass(frozen=True)
class Watched:
    """Puts what an engine does under its model's name."""

    metrics: Metrics
    name: str

    def ran(self, inputs: int, seconds: float) -> None:
        self.metrics.ran(self.name, inputs, seconds)

    def queued(self, inputs: int) -> None:
        self.metrics.queued(self.name, inputs)


class ModelStore:
    """Model name -> what answers, what answered before it, and what has been opened to follow it."""

    def __init__(
        self, settings: Settings, metrics: Metrics, loop: asyncio.AbstractEventLoop, surfaces: Sequence[BoundSurface] = ()
    ) -> None:
        self.settings, self.metrics, self.loop, self.surfaces = settings, metrics, loop, surfaces
        self.current: dict[str, LoadedModel] = {}
        self.previous: dict[str, LoadedModel] = {}
        self._opened: dict[str, LoadedModel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        return self.current.keys() == self.settings.models.keys()

    @property
    def alive(self) -> bool:
        return all(served.engine.alive() for served in self.current.values())

    def named(self, name: str | None) -> LoadedModel:
        """The model of that name; None: the first. Raises RefusedError."""
        try:
            name = self.settings.chosen(name)
        except InputError as error:
            raise RefusedError(404, str(error)) from error
        if name not in self.current:
            message = "the model is still being loaded and checked; GET /readyz says when"
            raise RefusedError(503, message, {"Retry-After": "1"})
        return self.current[name]

    def load(self, places: Mapping[str, ArtifactRef]) -> None:
        """Opens the first artifacts and replays their golden examples, in the calling thread; `commit` follows."""
        for name, place in places.items():
            self._open(name, place, check=True)

    def prepare(self, places: Mapping[str, ArtifactRef], check: bool = True) -> None:
        """As `load`, for artifacts that are to follow those that answer. Raises FrameworkError; then nothing is kept.

        A version that is still open is not opened again. check: its files must be as they were sealed all the same.
        """
        if not self.ready:
            raise InputError("the first models are still being loaded")
        try:
            for name, place in places.items():
                self._open(name, place, check)
        except BaseException:
            self.abort()
            raise

    def _open(self, name: str, place: ArtifactRef, check: bool) -> None:
        known = [served for served in (self.current.get(name), self.previous.get(name)) if served is not None]
        again = next((served for served in known if served.version == place.version), None)
        if again is not None:
            if check:
                open_artifact(place.folder)
            self._opened[name] = again
            return
        artifact = open_artifact(place.folder)
        if artifact.version != place.version:
            raise InputError(f"{place.folder} changed while it was opened; try again when it is complete")
        device = Device(self.settings.provider, self.settings.threads, spin=False)
        model = Model(artifact, self.settings.variant, device, self.settings.batch_rows, self.settings.batch_elements)
        model.replay_golden()
        model.catch_up()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        watched, wait, queue = Watched(self.metrics, name), self.settings.wait, self.settings.limits.queue
        threads = 1 if model.scheduler.stateful else min(THREADS, self.settings.threads)  # their rows stay together
        engine = Engine(model.scheduler, self.loop, watched, wait, queue, threads)
        surfaces = surfaces_of(self.surfaces, model.codec, lambda surface, error: _log_failure(surface, name, error))
        first = name == self.settings.chosen(None)
        interface = model.codec.interface()
        self._opened[name] = LoadedModel(name, artifact.version, model, engine, interface, since, surfaces, first)

    def commit(self) -> None:
        """What was opened answers from the next request on; requests under way end where they began."""
        opened, self._opened = self._opened, {}
        for name, served in opened.items():
            before = self.current.get(name)
            if served is before:
                continue
            self._show(served, before)
            if before is not None:
                oldest, self.previous[name] = self.previous.get(name), before
                if oldest is not served:
                    self._retire(oldest)
        self.loop.call_later(SETTLED, self.loop.run_in_executor, None, give_back)

    def abort(self) -> None:
        """Lets go of what was opened to follow."""
        if not self.ready:
            return  # it is being loaded, and nobody else's
        opened, self._opened = self._opened, {}
        for name, served in opened.items():
            if served not in (self.current.get(name), self.previous.get(name)):
                self._retire(served)

    def _show(self, served: LoadedModel, before: LoadedModel | None) -> None:
        self.current[served.name] = served
        if before is not None:
            self.metrics.serving(before.about(), False)
        self.metrics.serving(served.about(), True)

    def _retire(self, served: LoadedModel | None) -> None:
        """Lets go of a model when its last request is answered, without keeping the caller."""
        if served is not None:
            self.loop.call_soon_threadsafe(self._close, served)

    def _close(self, served: LoadedModel) -> None:
        closing = self.loop.create_task(_closed(served))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _closed(served: LoadedModel) -> None:
    while served.users:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(served.engine.close)


def _log_failure(surface: str, model: str, error: Exception) -> None:
    problem = f"{type(error).__name__}: {error}"
    log("a surface does not serve a model", logging.ERROR, surface=surface, model=model, problem=problem)
