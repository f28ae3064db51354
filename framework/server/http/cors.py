"""CORS: lets pages of other origins send requests from a browser. The server uses no cookies."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from framework.contracts.serving.replies import RefusedError
from framework.errors import InputError

Header = tuple[bytes, bytes]
ANY = "*"
PORTS = {"http": 80, "https": 443}  # default ports, which browsers leave out of an origin
EXPOSED = (b"access-control-expose-headers", b"X-Request-Id, Retry-After")
VARIES = (b"vary", b"Origin")
MAX_AGE = "600"  # seconds for which a browser may cache the answer to a preflight
NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}")


def origin(text: str) -> str:
    """An origin that an operator wrote, in the form in which browsers send it; `ANY` stays. Raises InputError."""
    if text == ANY:
        return text
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    more_than_origin = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    if not (parts.scheme.isalpha() and host.isascii() and host and "*" not in host) or more_than_origin:
        raise InputError(
            f"--cors-origin {text}: an origin is SCHEME://HOST or SCHEME://HOST:PORT and nothing more, "
            "such as https://app.example; * is any"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, PORTS.get(parts.scheme)) else "")


class Cors:
    """An ASGI application that answers preflights, without a key, and passes on all other requests.

    allowed: origins, as `origin` returns them; empty: only the server's own pages work in a browser. methods: those
    of all routes.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str], methods: Collection[str] = ("GET", "POST")) -> None:
        self.app, self.allowed = app, frozenset(allowed)
        self._methods = ", ".join(sorted({*methods} - {"HEAD"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and self.allowed:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            if "origin" in headers and "access-control-request-method" in headers:
                scope["facts"]["endpoint"] = "preflight"
                await self._preflight(headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def headers(self, scope: Scope) -> list[Header]:
        """Headers that let the requesting page read the response; needed for responses to refused requests, too."""
        if not self.allowed:
            return []
        if ANY in self.allowed:
            return [(b"access-control-allow-origin", b"*"), EXPOSED]
        requesting = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        if requesting.decode("latin-1").lower() not in self.allowed:
            return [VARIES]
        return [(b"access-control-allow-origin", requesting), EXPOSED, VARIES]

    def _preflight(self, headers: dict[str, str]) -> Response:
        if self.allowed.isdisjoint((ANY, headers["origin"].lower())):
            raise RefusedError(403, f"pages of {headers['origin'][:200]} may not ask this server; see --cors-origin")
        requested = headers.get("access-control-request-headers", "")
        allow = {
            "Access-Control-Allow-Methods": self._methods,
            "Access-Control-Max-Age": MAX_AGE,
            "Vary": "Access-Control-Request-Headers",
        }
        if NAMES.fullmatch(requested):
            allow["Access-Control-Allow-Headers"] = requested
        return Response(status_code=204, headers=allow)
