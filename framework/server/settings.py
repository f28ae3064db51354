"""What an operator decides about a server."""

from __future__ import annotations

import hmac
import os
import resource
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.contracts.serving.replies import Limits
from framework.errors import FrameworkError, InputError, nearest
from framework.runtime.scheduler import MAX_ELEMENTS, MAX_ROWS

KEY, ADMIN_KEY = "FRAMEWORK_API_KEY", "FRAMEWORK_ADMIN_KEY"
SHORTEST = 16  # characters of a key
SPARE = 96  # file handles beside connections: those accepted for probes, files, pipes, sockets of our own


@dataclass(frozen=True)
class Keys:
    """api: asked for by every answer, unless it is None. admin: asked for by swaps, which are refused without one."""

    api: str | None = field(default=None, repr=False)
    admin: str | None = field(default=None, repr=False)

    @staticmethod
    def hold(expected: str | None, given: str | None) -> bool:
        """Whether the keys are equal, in a time that says nothing about either."""
        return expected is not None and given is not None and hmac.compare_digest(expected.encode(), given.encode())


@dataclass(frozen=True)
class Settings:
    """models: the name of each and where its artifact is. wait: seconds that a request may wait for company.

    origins: whose pages may ask from a browser. root_path: the prefix under which a proxy shows the server.
    threads: of one process's runs. drain: seconds that running requests are given when the server is told to stop.
    """

    models: Mapping[str, str]
    variant: str | None = None
    provider: str = "cpu"
    threads: int = 1
    wait: float = 0.002
    batch_rows: int = MAX_ROWS
    batch_elements: int = MAX_ELEMENTS
    limits: Limits = field(default_factory=Limits)
    keys: Keys = Keys()
    drain: float = 30.0
    log_texts: bool = False
    origins: tuple[str, ...] = ()
    root_path: str = ""

    def chosen(self, name: str | None) -> str:
        """The model of that name; without one, the first. Raises InputError when there is none."""
        if name is not None and name not in self.models:
            raise InputError(f"no model {name[:100]!r} is served here; {nearest(name, self.models, 'models')}")
        return name or next(iter(self.models))


def read_keys(api_file: Path | None, admin_file: Path | None) -> Keys:
    """From files, else from the environment; never from the command line, which every user of the machine can read.

    Without an admin key of its own, the API key is asked for by swaps too.
    """
    api = _key(api_file, KEY)
    return Keys(api, _key(admin_file, ADMIN_KEY) or api)


def _key(file: Path | None, variable: str) -> str | None:
    if file is None:
        found, where = os.environ.get(variable), variable
    else:
        try:
            found, where = file.read_text(encoding="utf-8"), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read a key from {file}: {error}") from error
    if found is None:
        return None
    key = found.strip()
    if len(key) < SHORTEST or not (key.isascii() and key.isprintable()):
        raise InputError(
            f"the key in {where} must be at least {SHORTEST} printable ASCII characters; openssl rand -hex 32 makes one"
        )
    return key


def allow_handles(connections: int) -> None:
    """Raises the limit of open files as far as needed and allowed. Raises FrameworkError when it is too low."""
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise FrameworkError(
                f"{connections} connections need {needed} file handles, and this process may open {hard}; "
                f"raise the limit (ulimit -n {needed}) or give --connections {max(1, hard - SPARE)}"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
