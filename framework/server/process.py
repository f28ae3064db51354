"""One process that serves: uvicorn around the application, models loaded beside it."""

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
from framework.server.swap import Coordinator, Local, on_sighup

YOUNG = 20_000  # objects of requests under way among which no garbage is looked for: nearly all go without
KEEP_ALIVE = 75  # seconds that an idle connection stays open: longer than the 60 of common load balancers in front


LAST = 2.0  # seconds that a process has beyond the time of draining


def _end() -> None:
    log("the process is ended: something in it did not stop", logging.ERROR)
    os._exit(1)


class Server(uvicorn.Server):
    """Told to stop by SIGTERM or SIGINT it answers what it has begun and ends; told twice it ends at once.

    member: of a fleet. It accepts no connection before it has loaded, and however often it is told it ends in peace: a
    terminal or systemd tells all processes, the parent tells them again, and kills them where that is asked for.
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
            self._end_at_last()
        self.should_exit = True

    def _end_at_last(self) -> None:
        """Whatever a surface does in the event loop, the process ends, some time after requests under way were cancelled."""
        last = threading.Timer((self.config.timeout_graceful_shutdown or 0) + LAST, _end)
        last.daemon = True
        last.start()


class Process:
    """swaps: made from this process's shelf. loaded: called in the event loop when all models answer. member: see `Server`."""

    def __init__(
        self,
        settings: Settings,
        places: Mapping[str, ArtifactRef],
        swaps: Callable[[ModelStore], Swaps],
        loaded: Callable[[], None],
        member: bool = False,
    ) -> None:
        self.settings, self.places, self._swaps, self._loaded = settings, places, swaps, loaded
        self.metrics = Metrics()
        self.failure: Exception | None = None
        self.server = Server(self._config(), self._load, member)

    def run(self, listener: socket.socket) -> None:
        """Serves until it is told to stop. Raises what loading the models raised."""
        start_logging()
        self.server.run(sockets=[listener])
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self.server.should_exit = True

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._application,
            factory=True,
            http=connection_class(self.settings.limits.seconds, self.settings.limits.connections, self.metrics.refused),
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
        """Called by uvicorn in its event loop, before anything is loaded."""
        self.shelf = ModelStore(self.settings, self.metrics, asyncio.get_running_loop(), self._surfaces())
        api = Api(
            self.settings,
            self.shelf,
            self.metrics,
            self._swaps(self.shelf),
            leaving=lambda: self.server.should_exit,
            crowded=lambda: len(self.server.server_state.connections) > self.settings.limits.connections,
        )
        return api.app()

    def _surfaces(self) -> list[BoundSurface]:
        """Those that can be used; what keeps the others from it is logged."""
        plugins, usable = load_plugins(), []
        for bound in bind_surfaces(plugins, lambda broken: log("a surface is left out", logging.ERROR, problem=str(broken))):
            try:
                self.metrics.declare(bound.name, bound.surface.counters)
                usable.append(bound)
            except ValueError as error:  # a counter has the name of another
                log("a surface is left out", logging.ERROR, problem=str(plugins.leave_out_surface(bound.name, error)))
        return usable

    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self.shelf.load, self.places)
        except Exception as error:
            self.failure = error
            self.stop()
            return
        gc.set_threshold(YOUNG)
        self.shelf.commit()
        for served in self.shelf.current.values():
            log("serving", **served.about())
        self._loaded()


def serve_alone(settings: Settings, listener: socket.socket, loaded: Callable[[], None]) -> int:
    """Serves in this process until told to stop; SIGHUP swaps every model. Returns the exit code."""
    shelves: list[ModelStore] = []
    coordinator = Coordinator(settings, lambda: [Local(shelf) for shelf in shelves])

    def swaps(shelf: ModelStore) -> Coordinator:
        shelves.append(shelf)
        shelf.loop.add_signal_handler(
            signal.SIGHUP, lambda: threading.Thread(target=on_sighup, args=(coordinator,), daemon=True).start()
        )
        return coordinator

    Process(settings, coordinator.now, swaps, loaded).run(listener)
    return 0
