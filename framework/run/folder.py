"""A run's folder: what stands where, finding it, who is at work in it, what it was made from. No torch."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from framework.artifact.manifest import MANIFEST
from framework.artifact.registry import source_of
from framework.contracts.plain import from_plain, revived, to_plain, with_template
from framework.errors import FrameworkError, InputError
from framework.machine.disk import shown, write_whole

CONFIG = "config.yaml"
STATE = "state.json"
T = TypeVar("T")


@dataclass(frozen=True)
class RunFolder:
    """Where each stage leaves what it made."""

    path: Path

    @property
    def data(self) -> Path:
        """The splits, as they were read, cleaned and split."""
        return self.path / "data"

    @property
    def sections(self) -> Path:
        """What each stage showed, for the report."""
        return self.path / "sections"

    def trial(self, candidate: str) -> Path:
        """Of one candidate: options, checkpoints, what was fitted, metrics on validation, or why it was refused."""
        return self.path / "trials" / candidate

    @property
    def selection(self) -> Path:
        """Which candidate is best on validation, and by how much."""
        return self.path / "selection.json"

    def export(self, candidate: str) -> Path:
        """The files that were made of a finalist, and how far they are from it."""
        return self.path / "export" / candidate

    @property
    def evaluation(self) -> Path:
        """The file that ships and the baselines, on the test rows."""
        return self.path / "evaluation.json"

    @property
    def artifact(self) -> Path:
        return self.path / "artifact"


def write_json(path: Path, value: object) -> None:
    """A dataclass as a file that is whole or not there. Its messages can be translated by the process that reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(to_plain(value, with_template), indent=1, ensure_ascii=False))


def read_json(kind: type[T], path: Path) -> T | None:
    """What `write_json` wrote; None where it is not there. Raises InputError for a file that is of another version."""
    try:
        return from_plain(kind, json.loads(path.read_text(encoding="utf-8"), object_hook=revived))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{shown(path)} cannot be used ({error}); start the recipe again") from error


@dataclass(frozen=True)
class RunState:
    """What `state.json` says."""

    recipe: str
    started_in: str
    """The folder that relative paths in the recipe start from."""
    seconds: float = 0.0
    """Of its time that a run has used, processes that were stopped included."""
    finished: bool = False

    @classmethod
    def read(cls, folder: Path) -> RunState:
        """Raises InputError when the run has none, or one of another version."""
        state = read_json(cls, folder / STATE)
        if state is None:
            raise InputError(f"{folder / STATE} is missing; start the recipe again")
        return state

    def note(self, folder: Path, *, seconds: float | None = None, finished: bool | None = None) -> RunState:
        """Writes the state with what changed, and returns it."""
        changed = replace(
            self,
            seconds=self.seconds if seconds is None else seconds,
            finished=self.finished if finished is None else finished,
        )
        write_json(folder / STATE, changed)
        return changed


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


def link_latest(folder: Path) -> Path:
    """Points ``latest``, beside the run's folder, at it, in one step."""
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(link)
    return link


def find_run(address: str) -> Path:
    """The folder of the run that a person names: a run, its artifact, a `latest` link or the folder it stands in, or a version
    of a registry, whose run is looked for where it was registered from.
    """
    path = Path(source_of(address))
    beside = [path.resolve().parent] if (path / MANIFEST).is_file() else []
    for folder in (path, *beside, path / "latest"):
        if (folder / CONFIG).is_file():
            return folder.resolve()
    if beside:
        raise InputError(f"{address} is an artifact without its run: no {CONFIG} beside it. Its fitted candidates are needed")
    if str(path) != address:
        raise InputError(f"{address} was registered from {path}, and its run is not there. Its fitted candidates are needed")
    raise InputError(f"no run at {address}; a run is a folder with a {CONFIG}, such as runs/RECIPE/DATE")


def find_unfinished(address: str) -> Path:
    """As `find_run`, and for a folder of runs the newest that has not finished."""
    path = Path(address)
    if (path / CONFIG).is_file() or not path.is_dir():
        return find_run(address)
    configs = [config for config in path.glob(f"*/{CONFIG}") if not config.parent.is_symlink()]
    waiting = [config for config in configs if not RunState.read(config.parent).finished]
    if configs and not waiting:
        names = ", ".join(sorted(config.parent.name for config in configs))
        raise InputError(f"every run in {address} is finished: {names}")
    if not waiting:
        return find_run(address)
    return max(waiting, key=lambda config: config.stat().st_mtime).parent.resolve()
