"""One HTTP connection, with two bounds that uvicorn leaves to a proxy: bytes of headers, and time to complete a request."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = 32 << 10  # bytes of a request's address and headers
GRACE = 5.0  # seconds beyond a request's own limit, so that a slow one is told first


def connection_class(seconds: float) -> type[HttpToolsProtocol]:
    """A protocol for uvicorn that closes connections on which a request is not complete after `seconds` and some grace."""

    class Connection(HttpToolsProtocol):
        _head = 0
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._expect_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._head = 0
            self._expect_request()
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count(len(name) + len(value))
            super().on_header(name, value)

        def on_message_complete(self) -> None:
            self._forget()
            super().on_message_complete()

        def _count(self, size: int) -> None:
            self._head += size
            if self._head > HEAD:
                raise ValueError(f"address and headers have more than {HEAD} bytes")  # the parser ends the connection with 400

        def _expect_request(self) -> None:
            self._forget()
            self._deadline = self.loop.call_later(seconds + GRACE, self._give_up)

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

    return Connection
