"""``--root-path``: the address under which a proxy shows the server to others."""

from __future__ import annotations

import re
from collections.abc import Callable

from framework.errors import InputError

PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


def root_path(text: str) -> str:
    """The prefix without a slash at its end; empty: there is none. Raises InputError."""
    if not PATH.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise InputError(
            f"--root-path {text}: a path begins with / and has letters, digits and . _ ~ - between its slashes, such as /tone"
        )
    return text.rstrip("/")


class Prefix:
    """Takes the prefix off paths, for proxies that pass it on. Most take it off themselves: what is a path of ours stays.

    answered: whether a path is one of ours as it stands.
    """

    def __init__(self, prefix: str, answered: Callable[[str], bool]) -> None:
        self.prefix, self._answered = prefix, answered

    def off(self, path: str) -> str:
        if not self.prefix or not f"{path}/".startswith(f"{self.prefix}/") or self._answered(path):
            return path
        return path[len(self.prefix) :] or "/"
