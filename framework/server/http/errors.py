"""Errors of requests, and the JSON responses of the server."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from framework.contracts.serving.replies import RefusedError

LEFT = 499  # status in logs and metrics only: the client closed the connection before it was answered

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class CompactJSONResponse(JSONResponse):
    """JSON without spaces, from an encoder that is created once, to save time."""

    def render(self, content: Any) -> bytes:
        return _encode(content).encode("utf-8")


def error_response(refusal: RefusedError, request_id: str) -> JSONResponse:
    """The response to a refused request."""
    error = refusal.readable if refusal.form is None else refusal.form
    return JSONResponse({"error": error, "request_id": request_id}, refusal.status, refusal.headers)


class ClientLeftError(Exception):
    """The client closed the connection before it was answered."""
