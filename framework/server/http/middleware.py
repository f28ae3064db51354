"""Gives every request an id, a line in the log and metrics, and answers every error."""

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
from framework.server.http.errors import LEFT, ClientLeftError, error_response
from framework.server.http.prefix import PathPrefix
from framework.server.logs import log
from framework.server.metrics import Metrics

ID = re.compile(rb"[!-~]{1,128}")
PROBES = ("/healthz", "/readyz", "/metrics")
CUT_OFF = 503  # status in logs and metrics only: the server ended before the answer
QUIET = ("health", "ready", "metrics")  # endpoints of probes, requested every few seconds: only status 500 is logged


class Middleware:
    """The outermost ASGI application. Handlers put facts for the log and the metrics into ``scope["facts"]``.

    crowded: returns whether there are too many connections; then only probes are answered. texts: whether logs may hold inputs,
    which the messages of unexpected errors may quote.
    """

    def __init__(self, app: Cors, prefix: PathPrefix, metrics: Metrics, crowded: Callable[[], bool], texts: bool) -> None:
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
        facts: dict[str, Any] = {"request_id": request_id}
        scope["facts"], scope["app"], status = facts, self, 0  # with an app, the router raises HTTPException for unknown paths
        scope["path"] = self.prefix.strip(scope["path"])
        more_headers = [(b"x-request-id", request_id.encode()), *self.app.headers(scope)]

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *more_headers]
            await send(message)

        self.metrics.change_active(1)
        try:
            try:
                if scope["path"] not in PROBES and self.crowded():
                    later = {"Retry-After": "1", "Connection": "close"}
                    raise RefusedError(503, "too many connections; try again later", later)
                await self.app(scope, receive, send_with_id)
            except (ClientLeftError, ClientDisconnect):
                status = LEFT
            except Exception as error:
                refusal = self._refusal(error, facts)
                if not status:
                    await error_response(refusal, request_id)(scope, receive, send_with_id)
        finally:
            self.metrics.change_active(-1)
            self._record(scope, facts, status or CUT_OFF, time.perf_counter() - started)

    def _id(self, scope: Scope) -> str:
        """The request id that the client sent, so that logs of client and server can be joined; else a new id."""
        sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        return sent.decode() if ID.fullmatch(sent) else f"{self._prefix}-{next(self._numbers):x}"

    def _record(self, scope: Scope, facts: dict[str, Any], status: int, seconds: float) -> None:
        endpoint = facts.pop("endpoint", "other")
        self.metrics.record_request(endpoint, facts.get("model", ""), status, seconds, facts.get("inputs", 0))
        if endpoint not in QUIET or status == 500:
            level = logging.ERROR if status >= 500 else logging.INFO
            log(
                "request",
                level,
                method=scope["method"],
                path=scope["path"][:200],
                status=status,
                ms=round(1000 * seconds, 2),
                **facts,
            )

    def _refusal(self, error: Exception, facts: dict[str, Any]) -> RefusedError:
        if isinstance(error, RefusedError):
            refusal = error
        elif isinstance(error, HTTPException):  # an unknown path or method
            refusal = RefusedError(error.status_code, f"{error.detail}; GET /docs lists what can be asked", error.headers)
        else:
            lines = traceback.format_exception(error) if self.texts else traceback.format_tb(error.__traceback__)
            log("fault", logging.ERROR, **facts, type=type(error).__name__, traceback="".join(lines))
            where = f" at input {facts['failed_input']}" if "failed_input" in facts else ""
            refusal = RefusedError(500, f"a fault of the server{where}, logged with the request id: {type(error).__name__}")
        facts["error"] = type(error).__name__ if refusal.status == 500 else str(refusal.status)
        return refusal
