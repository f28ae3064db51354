"""Reads and decompresses bodies of requests, within a limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from starlette.requests import Request

from framework.contracts.serving.replies import RefusedError
from framework.server.http.errors import ClientLeftError

GZIP = 31  # zlib's `wbits` for gzip with the largest window


async def read_body(request: Request, body: bytearray, limit: int, on_bytes: Callable[[int], None] = lambda size: None) -> None:
    """Appends the decoded body to `body`. Raises RefusedError for more than `limit` bytes, encoded or decoded, and for a wrong
    encoding; ClientLeftError where the client leaves.

    on_bytes: called after each part with its number of decoded bytes.
    """
    headers = dict(request.scope["headers"])
    decoder, received, more = _decoder(headers.get(b"content-encoding", b"")), 0, True
    too_large = RefusedError(413, f"the body may have {limit:,} bytes; send several requests")
    if int(headers.get(b"content-length") or 0) > limit:
        raise too_large
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError()
        part, more = message.get("body", b""), message.get("more_body", False)
        decoded = decoder.decode(part, limit - len(body))
        received += len(part)
        if max(received, len(body) + len(decoded)) > limit:
            raise too_large
        body += decoded
        on_bytes(len(decoded))
    decoder.end()


class IdentityDecoder:
    """Decodes a body without Content-Encoding; the interface of all decoders."""

    def decode(self, part: bytes, limit: int) -> bytes:
        """The decoded bytes of a part of the body; decoding may stop after `limit` + 1 bytes."""
        return part

    def end(self) -> None:
        """Raises RefusedError where the end of the body is missing."""


class GzipDecoder(IdentityDecoder):
    """Decodes a body of one or several gzip members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)

    def decode(self, part: bytes, limit: int) -> bytes:
        decoded = bytearray()
        try:
            while part and len(decoded) <= limit:
                if self._member.eof:
                    self._member = zlib.decompressobj(GZIP)
                decoded += self._member.decompress(part, limit + 1 - len(decoded))
                part = self._member.unconsumed_tail or self._member.unused_data
        except zlib.error as error:
            raise RefusedError(400, f"the body is not gzip, as Content-Encoding says: {error}") from None
        return bytes(decoded)

    def end(self) -> None:
        if not self._member.eof:
            raise RefusedError(400, "the body is not whole: its gzip has no end")


def _decoder(header: bytes) -> IdentityDecoder:
    """A decoder for a Content-Encoding. Raises RefusedError for an unsupported one. header: empty: no encoding."""
    encoding = header.decode("latin-1").strip().lower()
    if encoding in ("", "identity"):
        return IdentityDecoder()
    if encoding in ("gzip", "x-gzip"):
        return GzipDecoder()
    problem = f"Content-Encoding {encoding[:100]} is not taken; send the body as it is, or with gzip"
    raise RefusedError(415, problem, {"Accept-Encoding": "gzip"})
