"""The ASGI application of one path of a surface: its key, its limits, and how its answer is sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from framework.contracts.serving.replies import Answer, Limits, RefusedError, Reply, Stream
from framework.contracts.serving.surface import Route
from framework.server.http.errors import ClientLeftError, Json
from framework.server.http.keys import check_admin, check_key
from framework.server.logs import log
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Settings
from framework.server.surfaces.dispatch import Dispatcher
from framework.server.surfaces.exchange import HttpExchange
from framework.server.surfaces.registry import BoundSurface

UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # a proxy would hold pieces back
GRACE = 1.0  # seconds beyond the limit of a piece, so that the surface may say itself that it is late


class SurfaceEndpoint:
    """Answers one route. limits: the operator's, or the route's where these are less."""

    def __init__(
        self, bound: BoundSurface, route: Route, settings: Settings, store: ModelStore, dispatcher: Dispatcher, metrics: Metrics
    ) -> None:
        self.surface, self.route, self.store, self.dispatcher, self.metrics = bound.surface, route, store, dispatcher, metrics
        self.name = bound.endpoint(route)
        self.limits = _limits(settings.limits, route)
        self.log_texts = settings.log_texts
        self._keys, self._bound = settings.keys, store.surfaces
        self._key = {"api": settings.keys.api, "admin": settings.keys.admin, "none": None}[route.key]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["said"]["endpoint"] = self.name
        exchange = HttpExchange(self, scope, receive)
        try:
            if self._key is not None:
                check_key(scope, self._key)
            if self.route.key == "admin":
                check_admin(self._keys)
            reply = await exchange.run(self.route.handler)
            if isinstance(reply, Stream):
                exchange.give_back_body()
                await self._stream(reply, send)
            else:
                exchange.answering_begins()
                await self._whole(reply)(scope, receive, send)
        except RefusedError as refusal:
            raise self.surface.refuse(refusal) from refusal
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not exchange.left or task is None:
                raise
            task.uncancel()
            raise ClientLeftError() from None
        finally:
            exchange.close()

    def elsewhere(self, served: LoadedModel) -> str:
        """Where a model that this surface does not serve is asked."""
        routes = [route for bound in self._bound if bound.name in served.surfaces for route in bound.routes]
        paths = [route.path.replace("{name}", served.name) for route in routes if route.method == "POST"]
        asked = [path for path in paths if served.name in path.split("/") and "{" not in path] or paths
        return f"it answers POST {asked[0]}" if asked else "GET /v1/models lists what answers"

    def _whole(self, reply: Reply) -> Response:
        if isinstance(reply, Answer):
            if isinstance(reply.content, str | bytes):
                return Response(reply.content, reply.status, dict(reply.headers), reply.media_type)
            return Json(reply.content, reply.status, dict(reply.headers), reply.media_type)
        if not isinstance(reply, dict):
            raise TypeError(f"the handler of {self.route.path} gives a {type(reply).__name__}, and no dict, Answer or Stream")
        return Json(reply)

    async def _stream(self, stream: Stream, send: Send) -> None:
        """Sends the status with the first piece: what goes wrong before it is refused like anything else."""
        start = Response(None, 200, {**UNBUFFERED, **stream.headers}, stream.media_type)
        del start.headers["content-length"]
        begun = {"type": "http.response.start", "status": 200, "headers": start.raw_headers}
        seconds, sent, clock = self.limits.seconds + GRACE, False, asyncio.timeout(None)
        patience = Patience(clock, seconds)
        try:
            async with clock:
                async for piece in stream.pieces:
                    patience.rests = True  # how long the client may take is the connection's matter
                    if not sent:
                        await send(begun)
                        sent = True
                    body = piece.encode() if isinstance(piece, str) else piece
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    patience.begins()
            if not sent:
                await send(begun)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            if sent:
                log("a stream was broken off", logging.ERROR, endpoint=self.name, reason=f"nothing came for {seconds:g} s")
            raise RefusedError(504, f"nothing came within {self.limits.seconds:g} s; try later") from None
        finally:
            patience.ends()
            await _closed(stream)


class Patience:
    """Ends a block of `asyncio.timeout` when nothing has come for so long; a timer for each piece would cost more than it.

    rests: nothing is waited for at the moment.
    """

    def __init__(self, clock: asyncio.Timeout, seconds: float) -> None:
        self._clock, self._seconds, self._loop = clock, seconds, asyncio.get_running_loop()
        self.begins()
        self._timer = self._loop.call_at(self._until, self._look)

    def begins(self) -> None:
        """It is waited for the next piece from here on."""
        self.rests, self._until = False, self._loop.time() + self._seconds

    def ends(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._seconds if self.rests else self._until - self._loop.time()
        if left <= 0:
            self._clock.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(left, self._look)


async def _closed(stream: Stream) -> None:
    """Ends the iterator, whatever it makes of that."""
    close = getattr(stream.pieces, "aclose", None)
    if close is not None and getattr(stream.pieces, "ag_frame", stream) is not None:  # else it has ended by itself
        with suppress(Exception):
            async with asyncio.timeout(GRACE):
                await close()


def _limits(limits: Limits, route: Route) -> Limits:
    body, seconds = route.body or limits.body, route.seconds or limits.seconds
    return replace(limits, body=min(body, limits.body), seconds=min(seconds, limits.seconds))


def endpoints(
    bound: Sequence[BoundSurface], settings: Settings, store: ModelStore, metrics: Metrics
) -> list[tuple[Route, SurfaceEndpoint]]:
    """Every route of every surface with what answers it."""
    dispatcher = Dispatcher(settings.limits, metrics)
    return [
        (route, SurfaceEndpoint(each, route, settings, store, dispatcher, metrics)) for each in bound for route in each.routes
    ]
