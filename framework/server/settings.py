"""The settings of a server, which its operator decides."""

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
SHORTEST = 16  # characters of a key, at least
SPARE = 96  # file handles that a process needs beside one for each connection: for probes, files, pipes, sockets


@dataclass(frozen=True)
class Keys:
    """The keys that clients must send."""

    api: str | None = field(default=None, repr=False)
    """The key for requests to any model; None: no key is needed."""
    admin: str | None = field(default=None, repr=False)
    """The key for swaps and roll-backs; None: these are refused."""

    @staticmethod
    def match(expected: str | None, key: str | None) -> bool:
        """Whether the keys are equal, and neither is None; compares in constant time."""
        return expected is not None and key is not None and hmac.compare_digest(expected.encode(), key.encode())


@dataclass(frozen=True)
class Settings:
    """See ``python -m framework serve --help``."""

    models: Mapping[str, str]
    """Name of a model -> address of its artifact; the first model answers requests that name none."""
    variant: str | None = None
    """The variant that answers; None: the default variant of each artifact."""
    provider: str = "cpu"
    """Execution provider of onnxruntime."""
    threads: int = 1
    """CPU threads of one run."""
    wait: float = 0.002
    """Seconds that an input may wait for other inputs to run with."""
    batch_rows: int = MAX_ROWS
    """Rows of one run, at most; see `Scheduler`."""
    batch_elements: int = MAX_ELEMENTS
    """Elements of one run, padding included, at most; see `Scheduler`."""
    limits: Limits = field(default_factory=Limits)
    keys: Keys = Keys()
    drain: float = 30.0
    """Seconds that requests under way may take when the server is told to stop."""
    log_texts: bool = False
    """Whether the log holds the inputs of requests."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may send requests from a browser, as `cors.origin` returns them."""
    root_path: str = ""
    """The path prefix under which a proxy shows the server; empty: there is none."""

    def resolve(self, name: str | None) -> str:
        """The name of a model; None: the first model. Raises InputError for a name that is not served."""
        if name is not None and name not in self.models:
            raise InputError(f"no model {name[:100]!r} is served here; {nearest(name, self.models, 'models')}")
        return name or next(iter(self.models))


def read_keys(api_file: Path | None, admin_file: Path | None) -> Keys:
    """Reads the keys from files, else from the environment; never from the command line, which every user of the machine can
    read.

    api_file, admin_file: None: the environment. Without an admin key, swaps need the API key. Raises InputError for an
    unreadable or a weak key.
    """
    api = _key(api_file, KEY)
    return Keys(api, _key(admin_file, ADMIN_KEY) or api)


def _key(file: Path | None, variable: str) -> str | None:
    if file is None:
        content, source = os.environ.get(variable), variable
    else:
        try:
            content, source = file.read_text(encoding="utf-8"), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read a key from {file}: {error}") from error
    if content is None:
        return None
    key = content.strip()
    if len(key) < SHORTEST or not (key.isascii() and key.isprintable()):
        raise InputError(
            f"the key in {source} must be at least {SHORTEST} printable ASCII characters; openssl rand -hex 32 makes one"
        )
    return key


def allow_handles(connections: int) -> None:
    """Raises this process's soft limit of open files if it is too low for `connections` connections.

    Raises FrameworkError where the hard limit is too low.
    """
    needed = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise FrameworkError(
                f"{connections} connections need {needed} file handles, and this process may open {hard}; "
                f"raise the limit (ulimit -n {needed}) or give --connections {max(1, hard - SPARE)}"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
