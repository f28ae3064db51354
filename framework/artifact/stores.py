"""Where a registry keeps its files: a folder of this machine, or whatever the installed fsspec opens."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from framework.artifact.manifest import MANIFEST, read_manifest
from framework.artifact.verification import verified
from framework.errors import FrameworkError, InputError
from framework.machine.disk import explain

ARTIFACTS, HISTORY = "artifacts", "history"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)  # what file systems without hard links say


class Store(Protocol):
    """The files of one registry. exclusive: `create` keeps two writers apart."""

    address: str

    @property
    def exclusive(self) -> bool: ...

    def names(self, folder: str) -> list[str]:
        """What is in a folder of the registry, sorted, hidden things left out; nothing where there is no such folder."""
        ...

    def read(self, path: str) -> bytes: ...

    def create(self, path: str, content: bytes) -> None:
        """A file that is whole or not there. Raises FileExistsError where there is one, and FrameworkError where none can be
        written.
        """
        ...

    def keep(self, artifact: Path, version: str) -> None:
        """Copies a sealed folder to ``artifacts/VERSION``, or leaves the same one that is there; one that is damaged is
        replaced.
        """
        ...

    def fetch(self, version: str) -> Path:
        """A folder of this machine that holds ``artifacts/VERSION``. Raises InputError where it is missing."""
        ...


class LocalStore:
    """A folder. A file gets its name by a hard link, which fails where another process was first; file systems that have none
    create it exclusively, so that a writer that dies may leave it half written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.address = str(folder)

    @property
    def exclusive(self) -> bool:
        return True

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(path.name for path in (self.path / folder).iterdir() if not path.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str) -> bytes:
        return (self.path / path).read_bytes()

    def create(self, path: str, content: bytes) -> None:
        final = self.path / path
        unfinished = final.with_name(f".{final.name}-{uuid.uuid4().hex}")
        with self._writing():
            final.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(unfinished, content, "wb")
                try:
                    os.link(unfinished, final)
                except OSError as error:
                    if error.errno not in NO_LINKS:
                        raise
                    _write(final, content, "xb")
            finally:
                unfinished.unlink(missing_ok=True)

    def keep(self, artifact: Path, version: str) -> None:
        final = self.path / ARTIFACTS / version
        if final.is_dir() and _is_whole(final):
            return
        unfinished = final.with_name(f".{version}-{uuid.uuid4().hex}")
        with self._writing():
            try:
                copy_sealed(artifact, unfinished)
                if final.is_dir() and not _is_whole(final):  # another process may have put the same one there meanwhile
                    final.rename(final.with_name(f".{version}-damaged-{uuid.uuid4().hex}"))
                _rename_unless_there(unfinished, final)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def fetch(self, version: str) -> Path:
        folder = self.path / ARTIFACTS / version
        if not (folder / MANIFEST).is_file():
            raise InputError(f"{folder} is missing: the registry was copied in part")
        return folder

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise
        except OSError as error:
            reason = explain(error, self.path)
            if reason is None:
                raise
            raise FrameworkError(f"the registry {self.address} cannot be written: {reason}; it can still be read") from error


def copy_sealed(artifact: Path, target: Path) -> None:
    """The sealed files of an artifact, and nothing that lies beside them; checked where they are then."""
    for name in (*read_manifest(artifact).files, MANIFEST):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact / name, target / name)
    verified(target)


def _rename_unless_there(unfinished: Path, final: Path) -> None:
    try:
        unfinished.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        verified(final)  # another process was first with the same artifact


def _is_whole(folder: Path) -> bool:
    try:
        verified(folder)
    except InputError:
        return False
    return True


def _write(path: Path, content: bytes, mode: str) -> None:
    with path.open(mode) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
