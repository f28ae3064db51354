"""One HTTP connection, with the bounds that uvicorn leaves to a proxy: sizes, times, and how many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 32 << 10  # bytes of a request's address and headers
PIPELINED = 16  # requests of one connection that may wait for the answer to an earlier one
BESIDE = 32  # connections beyond the limit that are still accepted, so that probes are answered and others refused in words
LINGER = 30.0  # seconds for which a client that is answered before it has sent everything may go on, unheard
SILENCE = 5.0  # seconds without a byte from it, after which it is not waited for any longer
DISCARDED = 256 << 20  # bytes of it that are read
GRACE = 5.0  # seconds beyond a request's own limit, so that a slow one is told first


class Peer:
    """The client of a connection, for requests that are being answered. on_leaving: called once it has left."""

    left = False
    on_leaving: Callable[[], object] | None = None

    def leave(self) -> None:
        self.left = True
        if self.on_leaving is not None:
            self.on_leaving()


class _Exit:
    """The transport of a connection as uvicorn sees it: closing it may wait until the client has said what it is saying."""

    def __init__(self, transport: Any, close: Callable[[], None], leaving: Callable[[], bool]) -> None:
        self.write, self.abort, self.close, self.is_closing = transport.write, transport.abort, close, leaving


def connection_class(seconds: float, connections: int, refused: Callable[[], None]) -> type[HttpToolsProtocol]:
    """A protocol for uvicorn.

    seconds: that a request may take to arrive, and its answer to be taken, with some grace.
    connections: accepted at once, `BESIDE` not counted; `refused` is called for each one that is closed at once.
    """

    class Connection(HttpToolsProtocol):
        _head = 0
        _in_head = False
        _arriving: asyncio.TimerHandle | None = None
        _leaving: asyncio.TimerHandle | None = None
        _in_message = False
        _discarded = 0
        _lingers_until: float | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._peer = Peer()
            self._line = transport
            self.transport = cast(asyncio.Transport, _Exit(transport, self._close, self._closing))
            if len(self.connections) > connections + BESIDE:
                refused()
                transport.abort()
            else:
                self._expect_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            self._taken()
            super().connection_lost(exc)
            self._peer.leave()

        def data_received(self, data: bytes) -> None:
            if self._lingers_until is not None:
                self._discard(data)
                self._linger(self._lingers_until)
                return
            if self._in_message and not self._in_head and self._idle():
                self._discard(data)  # its answer is sent, and the connection stays
            continued = self._in_head
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self._in_head:  # the parser reports a header when it is whole, and one without end never
                self._head = self._head + len(data) if continued else max(self._head, len(data))
                if self._head > HEAD:
                    self.send_400_response(f"address and headers have more than {HEAD} bytes")
            elif self._idle() and self._arriving is None and self.timeout_keep_alive_task is None:
                self._expect_request()  # what came was no request: the rest of a body that was answered early, a line break

        def on_message_begin(self) -> None:
            self._head, self._in_head, self._in_message, self._discarded = 0, True, True, 0
            self._expect_request()
            if len(self.pipeline) > PIPELINED:
                raise ValueError("too many requests at once")  # the parser ends the connection with 400
            super().on_message_begin()
            self.scope["peer"] = self._peer  # type: ignore[typeddict-unknown-key]

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_message = False
            self._arrived()
            super().on_message_complete()
            if not self.pipeline:
                self.flow.resume_reading()  # or nobody would see the client leave

        def pause_writing(self) -> None:
            self._taken()
            self._leaving = self.loop.call_later(seconds + GRACE, self.transport.abort)
            super().pause_writing()

        def resume_writing(self) -> None:
            self._taken()
            super().resume_writing()

        def _closing(self) -> bool:
            return self._lingers_until is not None or self._line.is_closing()

        def _close(self) -> None:
            """A client that is still sending would see a reset in place of its answer if nobody read on."""
            if self._in_message and not self._closing():
                self._line.write_eof()
                self._unset_keepalive_if_required()
                self.flow.resume_reading()
                self._linger(self.loop.time() + LINGER)
            else:
                self._line.close()

        def _discard(self, data: bytes) -> None:
            self._discarded += len(data)
            if self._discarded > DISCARDED:
                self._line.abort()

        def _linger(self, until: float) -> None:
            self._arrived()
            self._lingers_until = until
            seconds = min(until - self.loop.time(), SILENCE)
            self._arriving = self.loop.call_later(max(0.0, seconds), self._line.abort)

        def _idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _count(self, size: int) -> None:
            self._head += size
            if self._head > HEAD:
                raise ValueError(f"address and headers have more than {HEAD} bytes")

        def _expect_request(self) -> None:
            self._arrived()
            self._arriving = self.loop.call_later(seconds + GRACE, self.transport.abort)

        def _arrived(self) -> None:
            if self._arriving is not None:
                self._arriving.cancel()
                self._arriving = None

        def _taken(self) -> None:
            if self._leaving is not None:
                self._leaving.cancel()
                self._leaving = None

    return Connection
