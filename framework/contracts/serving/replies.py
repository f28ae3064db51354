"""What a request over HTTP is answered with, or why it is not, and within which limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from framework.contracts.graph import Json


@dataclass(frozen=True)
class Limits:
    """body: bytes of one. bodies: bytes of all bodies being read. inputs, characters: of one request, of one input.

    queue: inputs that wait at once. seconds: from the first byte of a request to its answer. connections: of one process.
    """

    body: int = 1 << 20
    bodies: int = 64 << 20
    inputs: int = 256
    characters: int = 20_000
    queue: int = 1024
    seconds: float = 10.0
    connections: int = 1000


class RefusedError(Exception):
    """Ends a request with a status and a message that says what to send instead.

    form: what stands under ``error`` in the answer, where that is not the message itself.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, form: Mapping[str, Json] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.form = status, message, dict(headers or {}), form

    @property
    def readable(self) -> str:
        """The message; it may quote half of a surrogate pair, which no answer may hold."""
        return self.message.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class Answer:
    """An answer that is not simply JSON with status 200."""

    content: Json = None
    """Bytes, or a str, are sent as they are; anything else is sent as JSON."""
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """An answer that is sent piece by piece, as it comes.

    The first piece and each further one must come within the limit of seconds, which begins again with each. The iterator is
    closed when the client leaves, when a piece is late, and when the server ends. What it raises breaks the answer off, so that
    the client sees that it is not whole; the status has been sent by then.
    """

    pieces: AsyncIterator[str | bytes]
    media_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Answer | Stream | dict[str, Json]
