"""HTTP connections with the limits that uvicorn leaves to a proxy: of sizes, times, and the number of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 32 << 10  # bytes of a request line and headers, at most
PIPELINED = 16  # requests of one connection, at most, that wait for the answer to an earlier one
SPARE = 32  # connections beyond the limit that are accepted, so that probes are answered and others refused with a message
LINGER = 30.0  # seconds that a client, answered before its body was complete, may go on sending it; it is discarded
SILENCE = 5.0  # seconds without a byte, after which such a client is disconnected
DISCARDED = 256 << 20  # bytes of one request that are discarded, at most
GRACE = 5.0  # seconds beyond the limit of a request, so that a slow client gets its refusal first


class Peer:
    """The client of a connection, for the code that answers requests of the connection: `HttpExchange`."""

    closed = False
    """Whether the connection is closed."""
    on_leaving: Callable[[], object] | None = None
    """Called when the connection is closed."""

    def leave(self) -> None:
        self.closed = True
        if self.on_leaving is not None:
            self.on_leaving()


class _LingeringTransport:
    """The transport that uvicorn gets. Its `close` may wait until the client has sent the rest of its request."""

    def __init__(self, transport: Any, close: Callable[[], None], is_closing: Callable[[], bool]) -> None:
        self.write, self.abort, self.close, self.is_closing = transport.write, transport.abort, close, is_closing


def connection_class(seconds: float, connections: int, refused: Callable[[], None]) -> type[HttpToolsProtocol]:
    """A protocol class for uvicorn, whose objects are connections.

    seconds: limit for a request to arrive, and for the client to read what was written; `GRACE` is added. connections: how
    many may be open at once; `SPARE` is added. refused: called for each connection that is closed because there
    are too many.
    """

    class Connection(HttpToolsProtocol):
        _head = 0
        _in_head = False
        _receive_timer: asyncio.TimerHandle | None = None
        _send_timer: asyncio.TimerHandle | None = None
        _in_message = False
        _discarded = 0
        _lingers_until: float | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._peer = Peer()
            self._transport = transport
            self.transport = cast(asyncio.Transport, _LingeringTransport(transport, self._close, self._is_closing))
            if len(self.connections) > connections + SPARE:
                refused()
                transport.abort()
            else:
                self._expect_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_receive_timer()
            self._stop_send_timer()
            super().connection_lost(exc)
            self._peer.leave()

        def data_received(self, data: bytes) -> None:
            if self._lingers_until is not None:
                self._discard(data)
                self._linger(self._lingers_until)
                return
            if self._in_message and not self._in_head and self._idle():
                self._discard(data)  # the request is answered already; the connection stays open
            continued = self._in_head
            super().data_received(data)
            if self.transport.is_closing():
                return
            if self._in_head:  # the parser reports only complete headers, so an endless header must be counted here
                self._head = self._head + len(data) if continued else max(self._head, len(data))
                if self._head > HEAD:
                    self.send_400_response(f"address and headers have more than {HEAD} bytes")
            elif self._idle() and self._receive_timer is None and self.timeout_keep_alive_task is None:
                self._expect_request()  # the bytes began no request: the end of a body that was answered early, or a line break

        def on_message_begin(self) -> None:
            self._head, self._in_head, self._in_message, self._discarded = 0, True, True, 0
            self._expect_request()
            if len(self.pipeline) > PIPELINED:
                raise ValueError("too many requests at once")  # the parser closes the connection with 400
            super().on_message_begin()
            self.scope["peer"] = self._peer  # type: ignore[typeddict-unknown-key]

        def on_url(self, url: bytes) -> None:
            self._count_head_bytes(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count_head_bytes(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._in_head = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_message = False
            self._stop_receive_timer()
            super().on_message_complete()
            if not self.pipeline:
                self.flow.resume_reading()  # otherwise a client that leaves would not be noticed

        def pause_writing(self) -> None:
            self._stop_send_timer()
            self._send_timer = self.loop.call_later(seconds + GRACE, self.transport.abort)
            super().pause_writing()

        def resume_writing(self) -> None:
            self._stop_send_timer()
            super().resume_writing()

        def _is_closing(self) -> bool:
            return self._lingers_until is not None or self._transport.is_closing()

        def _close(self) -> None:
            """Closes the connection; first reads on while the client sends, which otherwise sees no answer but a reset."""
            if self._in_message and not self._is_closing():
                self._transport.write_eof()
                self._unset_keepalive_if_required()
                self.flow.resume_reading()
                self._linger(self.loop.time() + LINGER)
            else:
                self._transport.close()

        def _discard(self, data: bytes) -> None:
            self._discarded += len(data)
            if self._discarded > DISCARDED:
                self._transport.abort()

        def _linger(self, until: float) -> None:
            self._stop_receive_timer()
            self._lingers_until = until
            seconds = min(until - self.loop.time(), SILENCE)
            self._receive_timer = self.loop.call_later(max(0.0, seconds), self._transport.abort)

        def _idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _count_head_bytes(self, size: int) -> None:
            self._head += size
            if self._head > HEAD:
                raise ValueError(f"address and headers have more than {HEAD} bytes")

        def _expect_request(self) -> None:
            self._stop_receive_timer()
            self._receive_timer = self.loop.call_later(seconds + GRACE, self.transport.abort)

        def _stop_receive_timer(self) -> None:
            if self._receive_timer is not None:
                self._receive_timer.cancel()
                self._receive_timer = None

        def _stop_send_timer(self) -> None:
            if self._send_timer is not None:
                self._send_timer.cancel()
                self._send_timer = None

    return Connection
