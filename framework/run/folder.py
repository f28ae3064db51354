"""A run's folder: finding it, who is at work in it, what it was made from and how far it came. No torch."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framework.artifact.manifest import MANIFEST
from framework.errors import FrameworkError, InputError
from framework.machine.disk import shown, write_whole

CONFIG = "config.yaml"
STATE = "state.json"


@dataclass
class RunState:
    """What `state.json` says, rewritten in one piece after every step that need not be done again.

    started_in: the folder that relative paths in the recipe start from.
    data: sha256 of each split. fitted: every candidate is. weights: the model's are kept in a checkpoint.
    """

    recipe: str
    started_in: str
    data: Mapping[str, str] | None = None
    fitted: bool = False
    weights: bool = False
    finished: bool = False

    @classmethod
    def read(cls, folder: Path) -> RunState:
        """Raises InputError when the run has none, or one of another version."""
        try:
            return cls(**json.loads((folder / STATE).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError) as error:
            raise InputError(f"{folder / STATE} cannot be used ({error}); start the recipe again") from error

    def note(self, folder: Path, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        write_whole(folder / STATE, json.dumps(asdict(self), indent=1))

    def check_data(self, folder: Path, found: Mapping[str, str]) -> None:
        """Remembers the fingerprint of the splits; raises InputError where it differs from the one remembered."""
        if self.data is None:
            self.note(folder, data=dict(found))
        changed = [name for name, digest in found.items() if (self.data or {}).get(name) != digest]
        if changed:
            raise InputError(
                f"the data changed since {shown(folder)} began: other {', '.join(changed)} rows than then. Nothing was done; "
                f"put the files back as they were, or start a new run: python -m framework recipe={self.recipe} ..."
            )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a run's folder; the lock ends with this process, whatever ends it."""
    with (folder / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            other = f"process {lock.read() or '?'} is at work in {shown(folder)}"
            raise FrameworkError(f"{other}; nothing was touched. Wait until it ends, or stop it") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_free(folder: Path) -> None:
    """Raises InputError where a new run may not go."""
    latest = folder.parent / "latest"
    if folder.name == "latest" or (latest.exists() and not latest.is_symlink()):
        raise InputError(f"{shown(latest)} is where the link to the last run goes; name the run's folder something else")
    if (folder / CONFIG).exists():
        raise InputError(f"{shown(folder)} holds a run already; nothing was overwritten")


def find_run(address: str) -> Path:
    """The folder of the run that a person names: a run, its artifact, or a `latest` link or the folder it stands in."""
    given = Path(address)
    inside = [given.resolve().parent] if (given / MANIFEST).is_file() else []
    for folder in (given, *inside, given / "latest"):
        if (folder / CONFIG).is_file():
            return folder.resolve()
    if inside:
        raise InputError(f"{address} is an artifact without its run: no {CONFIG} beside it. Its checkpoints are needed")
    raise InputError(f"no run at {address}; a run is a folder with a {CONFIG}, such as runs/RECIPE/DATE")


def find_unfinished(address: str) -> Path:
    """As `find_run`, and for a folder of runs the newest that has not finished."""
    given = Path(address)
    if (given / CONFIG).is_file() or not given.is_dir():
        return find_run(address)
    configs = [path for path in given.glob(f"*/{CONFIG}") if not path.parent.is_symlink()]
    waiting = [path for path in configs if not RunState.read(path.parent).finished]
    if configs and not waiting:
        raise InputError(f"every run in {address} is finished: {', '.join(sorted(path.parent.name for path in configs))}")
    if not waiting:
        return find_run(address)
    return max(waiting, key=lambda path: path.stat().st_mtime).parent.resolve()
