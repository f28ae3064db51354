"""Bodies of requests: read within a limit, and unpacked where they were sent as gzip."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from starlette.requests import Request

from framework.contracts.serving.replies import RefusedError
from framework.server.http.errors import ClientLeftError

GZIP = 31  # of zlib: the largest window, in the form of gzip


async def read(request: Request, body: bytearray, most: int, hold: Callable[[int], None] = lambda size: None) -> None:
    """Appends the body as it was before it was encoded. Raises RefusedError for one over `most` bytes, encoded or not.

    hold: told of the bytes of each part.
    """
    headers = dict(request.scope["headers"])
    decoder, received, more = _decoder(headers.get(b"content-encoding", b"")), 0, True
    too_large = RefusedError(413, f"the body may have {most:,} bytes; send several requests")
    if int(headers.get(b"content-length") or 0) > most:
        raise too_large
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError()
        part, more = message.get("body", b""), message.get("more_body", False)
        plain = decoder.decode(part, most - len(body))
        received += len(part)
        if max(received, len(body) + len(plain)) > most:
            raise too_large
        body += plain
        hold(len(plain))
    decoder.end()


class Plain:
    """A body as it comes."""

    def decode(self, part: bytes, most: int) -> bytes:
        """What a part of the body stands for, as far as it is needed to see that it is more than `most` bytes."""
        return part

    def end(self) -> None:
        """Raises RefusedError where something is missing."""


class Gzip(Plain):
    """One or several members, one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)

    def decode(self, part: bytes, most: int) -> bytes:
        decoded = bytearray()
        try:
            while part and len(decoded) <= most:
                if self._member.eof:
                    self._member = zlib.decompressobj(GZIP)
                decoded += self._member.decompress(part, most + 1 - len(decoded))
                part = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise RefusedError(400, f"the body is not gzip, as Content-Encoding says: {error}") from None
        return bytes(decoded)

    def end(self) -> None:
        if not self._member.eof:
            raise RefusedError(400, "the body is not whole: its gzip has no end")


def _decoder(header: bytes) -> Plain:
    """Raises RefusedError for an encoding that is not taken."""
    encoding = header.decode("latin-1").strip().lower()
    if encoding in ("", "identity"):
        return Plain()
    if encoding in ("gzip", "x-gzip"):
        return Gzip()
    what = f"Content-Encoding {encoding[:100]} is not taken; send the body as it is, or with gzip"
    raise RefusedError(415, what, {"Accept-Encoding": "gzip"})
