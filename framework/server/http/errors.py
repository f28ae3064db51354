"""Why a request gets no answer, as status and sentence."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse

from framework.contracts.serving.replies import RefusedError

LEFT = 499  # the client closed the connection before its answer; nobody is sent this


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Json(JSONResponse):
    """With an encoder that is made once."""

    def render(self, content: Any) -> bytes:
        return _encode(content).encode("utf-8")


def refused(refusal: RefusedError, request_id: str) -> JSONResponse:
    """The answer that says why there is none."""
    error = refusal.readable if refusal.form is None else refusal.form
    return JSONResponse({"error": error, "request_id": request_id}, refusal.status, refusal.headers)


class ClientLeftError(Exception):
    """Nobody waits for the answer any more."""
