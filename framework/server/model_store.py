"""The models of one process. New versions are opened and verified while old ones answer, and replace these between requests."""

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

SETTLED = 1.0  # seconds after a swap, when freed memory is returned to the operating system
THREADS = 2  # concurrent runs of a model, at most `Settings.threads`: while one run waits for a CPU, the other goes on


@dataclass(eq=False)
class LoadedModel:
    """A verified artifact whose golden examples were replayed, and the engine that runs it; a `ServedModel`."""

    name: str
    version: str
    model: Model
    engine: Engine
    interface: Interface
    since: str
    """When the artifact was loaded: ISO 8601, UTC."""
    surfaces: tuple[str, ...] = ()
    """Names of the surfaces that serve this model."""
    first: bool = True
    """Whether this model answers requests that name no model."""
    users: int = 0
    """Number of requests under way with this version."""

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
        """See `Model.catch_up`. Raises RefusedError where the additions cannot be read."""
        try:
            self.model.catch_up()
        except FrameworkError as error:
            log("additions cannot be read", logging.ERROR, model=self.name, error=str(error))
            raise RefusedError(503, f"what was added to {self.name} cannot be read; the server's log says why") from error

    def keep(self, kept: Sequence[Response]) -> None:
        self.model.keep(kept)

    def about(self) -> dict[str, Any]:
        """What ``GET /v1/models`` says of the model."""
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
        """The model object of OpenAI's API. ``created`` is seconds since 1970, 0 where the manifest has no valid time."""
        manifest, created = self.model.manifest, 0
        with suppress(ValueError):
            created = int(datetime.fromisoformat(manifest.created).timestamp())
        return {"id": self.name, "object": "model", "created": created, "owned_by": manifest.recipe}


@dataclass(frozen=True)
class EngineMetrics:
    """Reports the runs and the queue of an engine to the metrics, under the model's name."""

    metrics: Metrics
    name: str

    def on_run(self, inputs: int, seconds: float) -> None:
        self.metrics.record_run(self.name, inputs, seconds)

    def on_queue(self, inputs: int) -> None:
        self.metrics.set_queue(self.name, inputs)


class ModelStore:
    """For each model, by name, the version that answers, the previous version, and a version that is prepared to replace it.

    loop: the event loop of the server. surfaces: all usable surfaces. A swap is `prepare`, then `commit` or `abort`.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, loop: asyncio.AbstractEventLoop, surfaces: Sequence[BoundSurface] = ()
    ) -> None:
        self.settings, self.metrics, self.loop, self.surfaces = settings, metrics, loop, surfaces
        self.current: dict[str, LoadedModel] = {}
        self.previous: dict[str, LoadedModel] = {}
        self._prepared: dict[str, LoadedModel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return self.current.keys() == self.settings.models.keys()

    @property
    def alive(self) -> bool:
        """Whether the threads of all engines run."""
        return all(served.engine.alive() for served in self.current.values())

    def find(self, name: str | None) -> LoadedModel:
        """The version of the model `name` that answers; None: of the first model.

        Raises RefusedError for an unknown name and while models are loading.
        """
        try:
            name = self.settings.resolve(name)
        except InputError as error:
            raise RefusedError(404, str(error)) from error
        if name not in self.current:
            message = "the model is still being loaded and checked; GET /readyz says when"
            raise RefusedError(503, message, {"Retry-After": "1"})
        return self.current[name]

    def load(self, artifacts: Mapping[str, ArtifactRef]) -> None:
        """Opens the first artifacts and replays their golden examples, in the calling thread; to be followed by `commit`.

        Raises FrameworkError.
        """
        for name, artifact in artifacts.items():
            self._prepare(name, artifact, check=True)

    def prepare(self, artifacts: Mapping[str, ArtifactRef], check: bool = True) -> None:
        """As `load`, for artifacts that replace those that answer. Raises FrameworkError and then prepares none of them.

        A version that is still open is reused. check: whether the files of a reused version are verified again.
        """
        if not self.ready:
            raise InputError("the first models are still being loaded")
        try:
            for name, artifact in artifacts.items():
                self._prepare(name, artifact, check)
        except BaseException:
            self.abort()
            raise

    def _prepare(self, name: str, ref: ArtifactRef, check: bool) -> None:
        loaded = [served for served in (self.current.get(name), self.previous.get(name)) if served is not None]
        reusable = next((served for served in loaded if served.version == ref.version), None)
        if reusable is not None:
            if check:
                open_artifact(ref.folder)
            self._prepared[name] = reusable
            return
        artifact = open_artifact(ref.folder)
        if artifact.version != ref.version:
            raise InputError(f"{ref.folder} changed while it was opened; try again when it is complete")
        device = Device(self.settings.provider, self.settings.threads, spin=False)
        model = Model(artifact, self.settings.variant, device, self.settings.batch_rows, self.settings.batch_elements)
        model.replay_golden()
        model.catch_up()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        observer, wait, queue = EngineMetrics(self.metrics, name), self.settings.wait, self.settings.limits.queue
        threads = 1 if model.scheduler.stateful else min(THREADS, self.settings.threads)  # rows with state share one block
        engine = Engine(model.scheduler, self.loop, observer, wait, queue, threads)
        surfaces = surfaces_of(self.surfaces, model.codec, lambda surface, error: _log_failure(surface, name, error))
        first = name == self.settings.resolve(None)
        interface = model.codec.interface()
        self._prepared[name] = LoadedModel(name, artifact.version, model, engine, interface, since, surfaces, first)

    def commit(self) -> None:
        """Makes the prepared versions answer from the next request on; requests under way keep their version."""
        prepared, self._prepared = self._prepared, {}
        for name, served in prepared.items():
            former = self.current.get(name)
            if served is former:
                continue
            self._replace(former, served)
            if former is not None:
                oldest, self.previous[name] = self.previous.get(name), former
                if oldest is not served:
                    self._retire(oldest)
        self.loop.call_later(SETTLED, self.loop.run_in_executor, None, give_back)

    def abort(self) -> None:
        """Closes the prepared versions, except those that were reused."""
        if not self.ready:
            return  # what is prepared comes from `load`, which has not ended
        prepared, self._prepared = self._prepared, {}
        for name, served in prepared.items():
            if served not in (self.current.get(name), self.previous.get(name)):
                self._retire(served)

    def _replace(self, former: LoadedModel | None, served: LoadedModel) -> None:
        self.current[served.name] = served
        if former is not None:
            self.metrics.set_serving(former.about(), False)
        self.metrics.set_serving(served.about(), True)

    def _retire(self, served: LoadedModel | None) -> None:
        """Closes a model in the background, once its last request is answered."""
        if served is not None:
            self.loop.call_soon_threadsafe(self._close, served)

    def _close(self, served: LoadedModel) -> None:
        closing = self.loop.create_task(_close_unused(served))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _close_unused(served: LoadedModel) -> None:
    while served.users:
        await asyncio.sleep(0.05)
    await asyncio.to_thread(served.engine.close)


def _log_failure(surface: str, model: str, error: Exception) -> None:
    problem = f"{type(error).__name__}: {error}"
    log("a surface does not serve a model", logging.ERROR, surface=surface, model=model, problem=problem)
