"""Why a request gets no answer, as status and sentence."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

LEFT = 499  # the client closed the connection before its answer; nobody is sent this


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
