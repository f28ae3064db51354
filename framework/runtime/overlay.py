"""What was added to a sealed artifact: a line for each time in a file beside it, shared by every process that serves it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from framework.errors import FrameworkError


def overlay_path(artifact: Path, version: str) -> Path:
    """``ARTIFACT-additions/VERSION.jsonl``: what was added to one version says nothing to another."""
    folder = artifact.resolve()
    return folder.with_name(f"{folder.name}-additions") / f"{version}.jsonl"


class Overlay:
    """Reads what others add, and adds. A line holds the entries that were added together, so that none is there without the
    others, whenever a process is killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes

    def grown(self) -> bool:
        """Whether there is something that was not read; costs microseconds. Raises FrameworkError where nobody can tell."""
        try:
            return self.path.stat().st_size > self._read
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise FrameworkError(f"what was added cannot be read: {error}") from error

    @contextmanager
    def fresh(self) -> Iterator[list[Any]]:
        """What was added since the last time, which counts as read when the block ends well.

        Raises FrameworkError naming a line that is damaged.
        """
        found = self._rest() if self.grown() else b""
        whole = found[: found.rfind(b"\n") + 1]  # another process may be writing the rest
        yield self._parsed(whole)
        self._read += len(whole)

    def _rest(self) -> bytes:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._read)
                return stream.read()
        except OSError as error:
            raise FrameworkError(f"what was added cannot be read: {error}") from error

    def _parsed(self, lines: bytes) -> list[Any]:
        entries: list[Any] = []
        place = self._read
        for line in lines.splitlines(keepends=True):
            try:
                entries += json.loads(line)
            except (ValueError, TypeError) as error:
                raise FrameworkError(f"{self.path} is damaged at byte {place}: {error}; remove that line") from error
            place += len(line)
        return entries

    @contextmanager
    def writing(self) -> Iterator[FileIO]:
        """The file, for `append`, while no other process writes. Raises FrameworkError where there may be none."""
        try:
            self.path.parent.mkdir(exist_ok=True)
            stream = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise FrameworkError(f"nothing can be added here: {error}; additions are kept beside the artifact") from error
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream

    @staticmethod
    def append(stream: FileIO, entries: Sequence[Mapping[str, Any]]) -> None:
        """Adds a line that is on the disk when this returns; a half one that a crash left before goes away.

        Raises FrameworkError where the disk refuses it; then nothing is added.
        """
        end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(0)
            end = stream.read().rfind(b"\n") + 1
            stream.truncate(end)
        rest = json.dumps(list(entries), ensure_ascii=False).encode() + b"\n"
        try:
            while rest:  # unbuffered, so that nothing is left to be written when the file is closed
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except OSError as error:
            stream.truncate(end)
            raise FrameworkError(f"nothing can be added here: {error}") from error
