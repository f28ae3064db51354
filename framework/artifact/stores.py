"""Where a registry keeps its files: a local folder, or whatever the installed fsspec opens (see `remote_store`)."""

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
from framework.artifact.verification import verify
from framework.errors import FrameworkError, InputError
from framework.machine.disk import explain

ARTIFACTS, HISTORY = "artifacts", "history"
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)  # errors of file systems without hard links


class Store(Protocol):
    """The files of one registry. Paths are relative to `address`."""

    address: str

    @property
    def exclusive(self) -> bool:
        """Whether `create` lets only one of two concurrent writers create a file."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of visible files and folders in a folder, sorted; empty where there is no such folder. folder: a path."""
        ...

    def read(self, path: str) -> bytes: ...

    def create(self, path: str, content: bytes) -> None:
        """Writes all of a file or nothing. Raises FileExistsError where the file exists, and FrameworkError where it cannot be
        written.
        """
        ...

    def keep(self, artifact: Path, version: str) -> None:
        """Copies an artifact to ``artifacts/VERSION``, unless an intact copy is there; a damaged copy is replaced.

        Raises FrameworkError where the copy cannot be written.
        """
        ...

    def fetch(self, version: str) -> Path:
        """A local folder with the content of ``artifacts/VERSION``. Raises InputError where it is missing."""
        ...


class LocalStore:
    """A `Store` in a local folder.

    A file is written under a hidden name and gets its final name by a hard link, which fails where another process was first.
    On file systems without hard links the file is created exclusively instead, and a killed writer may leave it incomplete.
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
        if final.is_dir() and _is_intact(final):
            return
        unfinished = final.with_name(f".{version}-{uuid.uuid4().hex}")
        with self._writing():
            try:
                copy_sealed(artifact, unfinished)
                if final.is_dir() and not _is_intact(final):  # another process may have repaired it meanwhile
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
        """Converts errors of the file system in the block to FrameworkError with the reason, except FileExistsError."""
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
    """Copies the sealed files of an artifact, and nothing else, into `target`. Raises InputError if the copy is damaged."""
    for name in (*read_manifest(artifact).files, MANIFEST):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact / name, target / name)
    verify(target)


def _rename_unless_there(unfinished: Path, final: Path) -> None:
    try:
        unfinished.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        verify(final)  # another process was first with the same artifact


def _is_intact(folder: Path) -> bool:
    try:
        verify(folder)
    except InputError:
        return False
    return True


def _write(path: Path, content: bytes, mode: str) -> None:
    with path.open(mode) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
