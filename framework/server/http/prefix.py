"""``--root-path``: the path prefix under which a proxy shows the server."""

from __future__ import annotations

import re
from collections.abc import Callable

from framework.errors import InputError

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


def root_path(text: str) -> str:
    """The option's value, checked and without a slash at the end; empty for no prefix. Raises InputError."""
    if not PATH.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise InputError(
            f"--root-path {text}: a path begins with / and has letters, digits and . _ ~ - between its slashes, such as /tone"
        )
    return text.rstrip("/")


class PathPrefix:
    """Removes the prefix from paths, for proxies that do not remove it themselves.

    is_route: returns whether the server answers an unchanged path; such a path is not changed.
    """

    def __init__(self, prefix: str, is_route: Callable[[str], bool]) -> None:
        self.prefix, self._is_route = prefix, is_route

    def strip(self, path: str) -> str:
        """The path without the prefix; a path that lacks the prefix or is a route stays unchanged."""
        if not self.prefix or not f"{path}/".startswith(f"{self.prefix}/") or self._is_route(path):
            return path
        return path[len(self.prefix) :] or "/"
