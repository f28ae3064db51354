"""A run's folder: its layout, its state and lock, and finding it by address. Must not import torch."""

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
FITTED = "fitted"  # name of the fitted folder, in the folder of a trial
ANSWERS = "validation.json"  # responses to held-out rows and scores of their targets, beside the fitted folder that gave them
T = TypeVar("T")


@dataclass(frozen=True)
class RunFolder:
    """The paths of the files that stages leave."""

    path: Path

    @property
    def data(self) -> Path:
        """Folder of the cleaned splits."""
        return self.path / "data"

    @property
    def sections(self) -> Path:
        """Folder of the sections that each stage showed, for the report."""
        return self.path / "sections"

    def trial(self, candidate: str) -> Path:
        """Folder of a candidate's trial: options, checkpoints, training metrics, fitted folder, and the record of the fit."""
        return self.path / "trials" / candidate

    @property
    def selection(self) -> Path:
        """File of the ranking on validation and the winner."""
        return self.path / "selection.json"

    def export(self, candidate: str) -> Path:
        """Folder of a finalist's exported files and their parity."""
        return self.path / "export" / candidate

    @property
    def evaluation(self) -> Path:
        """File of the metrics of the shipped file and the baselines on the test rows."""
        return self.path / "evaluation.json"

    @property
    def artifact(self) -> Path:
        return self.path / "artifact"


def write_json(path: Path, value: object) -> None:
    """Writes a dataclass as a JSON file, whole or not at all. Messages stay translatable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(to_plain(value, with_template), indent=1, ensure_ascii=False))


def read_json(kind: type[T], path: Path) -> T | None:
    """The dataclass that `write_json` wrote; None if there is no file. kind: its class.

    Raises InputError for a file that does not fit this class, such as that of another version.
    """
    try:
        return from_plain(kind, json.loads(path.read_text(encoding="utf-8"), object_hook=revived))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{shown(path)} cannot be used ({error}); start the recipe again") from error


@dataclass(frozen=True)
class RunState:
    """The content of state.json."""

    recipe: str
    started_in: str
    """The working directory, to which relative paths in the recipe refer."""
    seconds: float = 0.0
    """Seconds that all processes of the run have used so far, stopped ones included."""
    finished: bool = False

    @classmethod
    def read(cls, folder: Path) -> RunState:
        """The state of a run. Raises InputError if the file is missing or of another version."""
        state = read_json(cls, folder / STATE)
        if state is None:
            raise InputError(f"{folder / STATE} is missing; start the recipe again")
        return state

    def note(self, folder: Path, *, seconds: float | None = None, finished: bool | None = None) -> RunState:
        """Writes the state with the given fields changed, None: unchanged, and returns the new state."""
        changed = replace(
            self,
            seconds=self.seconds if seconds is None else seconds,
            finished=self.finished if finished is None else finished,
        )
        write_json(folder / STATE, changed)
        return changed


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a run's folder against other processes; the lock ends with the block, or with the process.

    Raises FrameworkError if another process holds the lock.
    """
    with (folder / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = f"process {lock.read() or '?'} is at work in {shown(folder)}"
            raise FrameworkError(f"{owner}; nothing was touched. Wait until it ends, or stop it") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_free(folder: Path) -> None:
    """Raises InputError if a new run cannot use the folder: it holds a run, or its name is needed for the link ``latest``."""
    latest = folder.parent / "latest"
    if folder.name == "latest" or (latest.exists() and not latest.is_symlink()):
        raise InputError(f"{shown(latest)} is where the link to the last run goes; name the run's folder something else")
    if (folder / CONFIG).exists():
        raise InputError(f"{shown(folder)} holds a run already; nothing was overwritten")


def link_latest(folder: Path) -> Path:
    """Makes the link ``latest``, beside the run's folder, point at that folder, atomically. Returns the path of the link."""
    link, fresh = folder.parent / "latest", folder.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(link)
    return link


def find_run(address: str) -> Path:
    """The folder of the run at an address: a run, its artifact, a `latest` link or the folder that holds the link, or a version
    in a registry, whose run is looked for where the version was registered from. Raises InputError if there is no run.
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
    """As `find_run`, but for a folder of several runs the newest one that has not finished.

    Raises InputError if there is no run, and if every run is finished.
    """
    path = Path(address)
    if (path / CONFIG).is_file() or not path.is_dir():
        return find_run(address)
    configs = [config for config in path.glob(f"*/{CONFIG}") if not config.parent.is_symlink()]
    unfinished = [config for config in configs if not RunState.read(config.parent).finished]
    if configs and not unfinished:
        names = ", ".join(sorted(config.parent.name for config in configs))
        raise InputError(f"every run in {address} is finished: {names}")
    if not unfinished:
        return find_run(address)
    return max(unfinished, key=lambda config: config.stat().st_mtime).parent.resolve()
