"""One process that serves: uvicorn runs the application, and the models load in a thread."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from framework.artifact.sealed import ArtifactRef
from framework.plugins import load_plugins
from framework.server.app import Api, Swaps
from framework.server.http.connection import connection_class
from framework.server.logs import log, start_logging
from framework.server.metrics import Metrics
from framework.server.model_store import ModelStore
from framework.server.settings import Settings
from framework.server.surfaces.registry import BoundSurface, bind_surfaces
from framework.server.swap import Coordinator, LocalMember, on_sighup

GC_THRESHOLD = 20_000  # new objects before a garbage collection: reference counting frees nearly all objects of requests
KEEP_ALIVE = 75  # seconds that an idle connection stays open: longer than the 60 s of common load balancers
GRACE = 2.0  # seconds beyond the time of draining after which the process is ended by force


def _exit_by_force() -> None:
    log("the process is ended: something in it did not stop", logging.ERROR)
    os._exit(1)


class Server(uvicorn.Server):
    """A uvicorn server that stops on SIGTERM or SIGINT after it has answered the requests under way, or at a second signal.

    load: loads the models. member: whether the process belongs to a fleet. A member accepts connections only once its models
    are loaded, and ignores further signals: a terminal or systemd signals every process, then the parent does, too, and kills
    members if it must.
    """

    def __init__(self, config: uvicorn.Config, load: Callable[[], Coroutine[Any, Any, None]], member: bool) -> None:
        super().__init__(config)
        self._load, self._member = load, member

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loading = asyncio.create_task(self._load())
        if self._member:
            await self.loading
        if not self.should_exit:
            await super().startup(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and not self._member
        if not self.should_exit:
            self._start_exit_timer()
        self.should_exit = True

    def _start_exit_timer(self) -> None:
        """Ends the process by force `GRACE` seconds after requests were cancelled, even if a surface blocks the event loop."""
        timer = threading.Timer((self.config.timeout_graceful_shutdown or 0) + GRACE, _exit_by_force)
        timer.daemon = True
        timer.start()


class Process:
    """A process that loads models and serves them.

    artifacts: by name of a model. swaps: called with the store of this process, returns the object that changes models. loaded:
    called in the event loop once all models answer. member: see `Server`. failure: the error that loading raised.
    """

    def __init__(
        self,
        settings: Settings,
        artifacts: Mapping[str, ArtifactRef],
        swaps: Callable[[ModelStore], Swaps],
        loaded: Callable[[], None],
        member: bool = False,
    ) -> None:
        self.settings, self.artifacts, self._swaps, self._loaded = settings, artifacts, swaps, loaded
        self.metrics = Metrics()
        self.failure: Exception | None = None
        self.server = Server(self._config(), self._load, member)

    def run(self, listener: socket.socket) -> None:
        """Serves until stopped. listener: a bound socket. Raises the error that loading the models raised."""
        start_logging()
        self.server.run(sockets=[listener])
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self.server.should_exit = True

    def _config(self) -> uvicorn.Config:
        limits = self.settings.limits
        return uvicorn.Config(
            self._application,
            factory=True,
            http=connection_class(limits.seconds, limits.connections, self.metrics.record_refused_connection),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=round(self.settings.drain),
        )

    def _application(self) -> Any:
        """The ASGI application; uvicorn calls this in its event loop, before the models load."""
        self.store = ModelStore(self.settings, self.metrics, asyncio.get_running_loop(), self._surfaces())
        api = Api(
            self.settings,
            self.store,
            self.metrics,
            self._swaps(self.store),
            stopping=lambda: self.server.should_exit,
            crowded=lambda: len(self.server.server_state.connections) > self.settings.limits.connections,
        )
        return api.app()

    def _surfaces(self) -> list[BoundSurface]:
        """The usable surfaces; the problems of the others are logged."""
        plugins, usable = load_plugins(), []
        for bound in bind_surfaces(plugins, lambda broken: log("a surface is left out", logging.ERROR, problem=str(broken))):
            try:
                self.metrics.declare(bound.name, bound.surface.counters)
                usable.append(bound)
            except ValueError as error:  # two counters have one name
                log("a surface is left out", logging.ERROR, problem=str(plugins.leave_out_surface(bound.name, error)))
        return usable

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self.store.load, self.artifacts)
        except Exception as error:
            self.failure = error
            self.stop()
            return
        gc.set_threshold(GC_THRESHOLD)
        self.store.commit()
        for served in self.store.current.values():
            log("serving", **served.about())
        self._loaded()


def serve_alone(settings: Settings, listener: socket.socket, loaded: Callable[[], None]) -> int:
    """Serves in this process until it is stopped; SIGHUP swaps every model. Returns the exit code.

    listener: a bound socket. loaded: called once all models answer. Raises FrameworkError for models that cannot be loaded.
    """
    stores: list[ModelStore] = []
    coordinator = Coordinator(settings, lambda: [LocalMember(store) for store in stores])

    def swaps(store: ModelStore) -> Coordinator:
        stores.append(store)
        store.loop.add_signal_handler(
            signal.SIGHUP, lambda: threading.Thread(target=on_sighup, args=(coordinator,), daemon=True).start()
        )
        return coordinator

    Process(settings, coordinator.current, swaps, loaded).run(listener)
    return 0
