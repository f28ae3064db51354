"""Checks the keys of requests."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from framework.contracts.serving.replies import RefusedError
from framework.server.settings import Keys


def check_key(scope: Scope, expected: str) -> None:
    """Raises RefusedError for a request without the key `expected` in ``Authorization`` or ``X-API-Key``."""
    headers = Headers(scope=scope)
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")
    if not Keys.match(expected, key):
        problem = "a wrong key" if key else "no key"
        raise RefusedError(401, f"{problem}; send Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})


def check_admin(keys: Keys) -> None:
    """Raises RefusedError where the server has no admin key."""
    if keys.admin is None:
        raise RefusedError(403, "the server was started without a key, so nobody may change its models; see serve --help")
