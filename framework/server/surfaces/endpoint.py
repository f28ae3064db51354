"""The ASGI application of one route of a surface: checks the key, applies the limits, and sends the reply."""

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
from framework.server.http.errors import ClientLeftError, CompactJSONResponse
from framework.server.http.keys import check_admin, check_key
from framework.server.logs import log
from framework.server.metrics import Metrics
from framework.server.model_store import LoadedModel, ModelStore
from framework.server.settings import Settings
from framework.server.surfaces.dispatch import Dispatcher
from framework.server.surfaces.exchange import HttpExchange
from framework.server.surfaces.registry import BoundSurface

UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # headers that keep proxies from buffering pieces
GRACE = 1.0  # seconds that a piece may take beyond the limit, so that the surface can report the delay itself


class SurfaceEndpoint:
    """Answers one route. limits: for each limit the lower of the operator's and the route's."""

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
        scope["facts"]["endpoint"] = self.name
        exchange = HttpExchange(self, scope, receive)
        try:
            if self._key is not None:
                check_key(scope, self._key)
            if self.route.key == "admin":
                check_admin(self._keys)
            reply = await exchange.run(self.route.handler)
            if isinstance(reply, Stream):
                exchange.release_body()
                await self._stream(reply, send)
            else:
                exchange.detach_client()
                await self._response(reply)(scope, receive, send)
        except RefusedError as refusal:
            raise self.surface.refuse(refusal) from refusal
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not exchange.client_left or task is None:
                raise
            task.uncancel()
            raise ClientLeftError() from None
        finally:
            exchange.close()

    def path_hint(self, served: LoadedModel) -> str:
        """For messages about a model that this surface does not serve: a path of another surface that serves the model."""
        routes = [route for bound in self._bound if bound.name in served.surfaces for route in bound.routes]
        paths = [route.path.replace("{name}", served.name) for route in routes if route.method == "POST"]
        matches = [path for path in paths if served.name in path.split("/") and "{" not in path] or paths
        return f"it answers POST {matches[0]}" if matches else "GET /v1/models lists what answers"

    def _response(self, reply: Reply) -> Response:
        if isinstance(reply, Answer):
            if isinstance(reply.content, str | bytes):
                return Response(reply.content, reply.status, dict(reply.headers), reply.media_type)
            return CompactJSONResponse(reply.content, reply.status, dict(reply.headers), reply.media_type)
        if not isinstance(reply, dict):
            raise TypeError(f"the handler of {self.route.path} gives a {type(reply).__name__}, and no dict, Answer or Stream")
        return CompactJSONResponse(reply)

    async def _stream(self, stream: Stream, send: Send) -> None:
        """Sends the pieces. The status is sent with the first piece, so that an error before that can still be refused.

        Raises RefusedError if a piece is late.
        """
        start = Response(None, 200, {**UNBUFFERED, **stream.headers}, stream.media_type)
        del start.headers["content-length"]
        head = {"type": "http.response.start", "status": 200, "headers": start.raw_headers}
        seconds, sent, clock = self.limits.seconds + GRACE, False, asyncio.timeout(None)
        timer = PieceTimer(clock, seconds)
        try:
            async with clock:
                async for piece in stream.pieces:
                    timer.paused = True  # the connection limits the time that the client may take
                    if not sent:
                        await send(head)
                        sent = True
                    body = piece.encode() if isinstance(piece, str) else piece
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    timer.restart()
            if not sent:
                await send(head)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            if sent:
                log("a stream was broken off", logging.ERROR, endpoint=self.name, reason=f"nothing came for {seconds:g} s")
            raise RefusedError(504, f"nothing came within {self.limits.seconds:g} s; try later") from None
        finally:
            timer.cancel()
            await _close(stream)


class PieceTimer:
    """Ends the `asyncio.timeout` block of `clock` once no piece has come for `seconds`. To save time, one timer serves all
    pieces.

    paused: whether no piece is awaited at the moment.
    """

    def __init__(self, clock: asyncio.Timeout, seconds: float) -> None:
        self._clock, self._seconds, self._loop = clock, seconds, asyncio.get_running_loop()
        self.restart()
        self._timer = self._loop.call_at(self._until, self._check)

    def restart(self) -> None:
        """Begins to wait for the next piece."""
        self.paused, self._until = False, self._loop.time() + self._seconds

    def cancel(self) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        remaining = self._seconds if self.paused else self._until - self._loop.time()
        if remaining <= 0:
            self._clock.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(remaining, self._check)


async def _close(stream: Stream) -> None:
    """Closes the iterator of a stream; its errors are ignored."""
    close = getattr(stream.pieces, "aclose", None)
    if close is not None and getattr(stream.pieces, "ag_frame", stream) is not None:  # a generator without a frame has ended
        with suppress(Exception):
            async with asyncio.timeout(GRACE):
                await close()


def _limits(limits: Limits, route: Route) -> Limits:
    body, seconds = route.body or limits.body, route.seconds or limits.seconds
    return replace(limits, body=min(body, limits.body), seconds=min(seconds, limits.seconds))


def endpoints(
    bound: Sequence[BoundSurface], settings: Settings, store: ModelStore, metrics: Metrics
) -> list[tuple[Route, SurfaceEndpoint]]:
    """Every route of every surface, with the application that answers it."""
    dispatcher = Dispatcher(settings.limits, metrics)
    return [
        (route, SurfaceEndpoint(each, route, settings, store, dispatcher, metrics)) for each in bound for route in each.routes
    ]
