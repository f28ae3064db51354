"""Why a request gets no answer, as status and sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

LEFT = 499  # the client closed the connection before its answer; nobody is sent this


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Json(JSONResponse):
    """With an encoder that is made once."""

    def render(self, content: Any) -> bytes:
        return _encode(content).encode("utf-8")


class RefusedError(Exception):
    """Ends a request with a status and a message that says what to send instead."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})

    @property
    def readable(self) -> str:
        return self.message.encode("utf-8", "backslashreplace").decode()  # it may quote half of a surrogate pair

    def response(self, request_id: str) -> JSONResponse:
        return JSONResponse({"error": self.readable, "request_id": request_id}, self.status, self.headers)


class ClientLeftError(Exception):
    """Nobody waits for the answer any more."""
