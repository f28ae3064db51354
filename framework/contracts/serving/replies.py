"""Replies to HTTP requests, refusals, and the limits of requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from framework.contracts.graph import Json


@dataclass(frozen=True)
class Limits:
    """Limits of HTTP requests."""

    body: int = 1 << 20
    """Bytes of one body."""
    bodies: int = 64 << 20
    """Bytes of all bodies that are being read."""
    inputs: int = 256
    """Inputs of one request."""
    characters: int = 20_000
    """Characters of one input."""
    queue: int = 1024
    """Inputs that wait at the same time."""
    seconds: float = 10.0
    """Seconds from the first byte of a request to its answer."""
    connections: int = 1000
    """Open connections of one process."""


class RefusedError(Exception):
    """Ends a request with a status and a message that says what to send instead."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, form: Mapping[str, Json] | None = None
    ) -> None:
        """form: the value of ``error`` in the answer; by default the message."""
        super().__init__(message)
        self.status, self.message, self.headers, self.form = status, message, dict(headers or {}), form

    @property
    def readable(self) -> str:
        """The message in valid UTF-8: half of a surrogate pair, quoted from the request, is escaped."""
        return self.message.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class Answer:
    """An answer with a status, media type or headers."""

    content: Json = None
    """Bytes and str are sent unchanged, anything else as JSON."""
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """An answer that is sent piece by piece.

    Each piece must come within `Limits.seconds` of the one before. The iterator is closed when the client disconnects, when a
    piece is late, and when the server stops. An exception aborts the connection, so that the client sees that the answer is
    incomplete: the status has been sent by then.
    """

    pieces: AsyncIterator[str | bytes]
    media_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Answer | Stream | dict[str, Json]
