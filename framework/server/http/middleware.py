"""Around every request: its id, its line in the log, its numbers in the metrics, and an answer whatever happens."""

from __future__ import annotations

import logging
import os
import re
import time
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from framework.contracts.serving.replies import RefusedError
from framework.server.http.cors import Cors
from framework.server.http.errors import LEFT, ClientLeftError, refused
from framework.server.http.prefix import Prefix
from framework.server.logs import log
from framework.server.metrics import Metrics

ID = re.compile(rb"[!-~]{1,128}")
PROBES = ("/healthz", "/readyz", "/metrics")
CUT_OFF = 503  # the server ended before the answer; nobody is sent this
QUIET = ("health", "ready", "metrics")  # endpoints asked every few seconds: not logged while all is well


class Middleware:
    """An ASGI application around another. Handlers describe their request in ``scope["said"]``.

    crowded: whether there are too many connections; then only probes are answered.
    texts: whether logs may hold inputs, which the message of an unforeseen error may quote.
    """

    def __init__(self, app: Cors, prefix: Prefix, metrics: Metrics, crowded: Callable[[], bool], texts: bool) -> None:
        self.app, self.prefix, self.metrics, self.crowded, self.texts = app, prefix, metrics, crowded, texts
        self._prefix, self._numbers = os.urandom(6).hex(), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = self._id(scope)
        said: dict[str, Any] = {"request_id": request_id}
        scope["said"], scope["app"], status = said, self, 0  # with an app the router raises what it does not find
        scope["path"] = self.prefix.off(scope["path"])
        beside = [(b"x-request-id", request_id.encode()), *self.app.headers(scope)]

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *beside]
            await send(message)

        self.metrics.active(1)
        try:
            try:
                if scope["path"] not in PROBES and self.crowded():
                    later = {"Retry-After": "1", "Connection": "close"}
                    raise RefusedError(503, "too many connections; try again later", later)
                await self.app(scope, receive, send_with_id)
            except (ClientLeftError, ClientDisconnect):
                status = LEFT
            except Exception as error:
                refusal = self._refusal(error, said)
                if not status:
                    await refused(refusal, request_id)(scope, receive, send_with_id)
        finally:
            self.metrics.active(-1)
            self._note(scope, said, status or CUT_OFF, time.perf_counter() - started)

    def _id(self, scope: Scope) -> str:
        """The client's own, if it is one, so that its logs and ours can be read together."""
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return given.decode() if ID.fullmatch(given) else f"{self._prefix}-{next(self._numbers):x}"

    def _note(self, scope: Scope, said: dict[str, Any], status: int, seconds: float) -> None:
        endpoint = said.pop("endpoint", "other")
        self.metrics.answered(endpoint, said.get("model", ""), status, seconds, said.get("inputs", 0))
        if endpoint not in QUIET or status == 500:
            level = logging.ERROR if status >= 500 else logging.INFO
            log(
                "request",
                level,
                method=scope["method"],
                path=scope["path"][:200],
                status=status,
                ms=round(1000 * seconds, 2),
                **said,
            )

    def _refusal(self, error: Exception, said: dict[str, Any]) -> RefusedError:
        if isinstance(error, RefusedError):
            refusal = error
        elif isinstance(error, HTTPException):  # no such path, no such method
            refusal = RefusedError(error.status_code, f"{error.detail}; GET /docs lists what can be asked", error.headers)
        else:
            what = traceback.format_exception(error) if self.texts else traceback.format_tb(error.__traceback__)
            log("fault", logging.ERROR, **said, type=type(error).__name__, traceback="".join(what))
            where = f" at input {said['failed_input']}" if "failed_input" in said else ""
            refusal = RefusedError(500, f"a fault of the server{where}, logged with the request id: {type(error).__name__}")
        said["error"] = type(error).__name__ if refusal.status == 500 else str(refusal.status)
        return refusal
