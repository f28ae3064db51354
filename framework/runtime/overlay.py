"""Additions to a sealed artifact: a file beside its folder, which all processes that serve it share, a line per addition."""

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
    """The file of additions: ``VERSION.jsonl`` in the folder ``ARTIFACT-additions`` beside the artifact's folder."""
    folder = artifact.resolve()
    return folder.with_name(f"{folder.name}-additions") / f"{version}.jsonl"


class Overlay:
    """Reads and writes the additions. Entries that are added together share a line, so that a process killed while it writes
    adds all or none of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes that `unread` has returned

    def grown(self) -> bool:
        """Whether the file has unread bytes; takes microseconds. Raises FrameworkError where the size cannot be read."""
        try:
            return self.path.stat().st_size > self._read
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise FrameworkError(f"what was added cannot be read: {error}") from error

    @contextmanager
    def unread(self) -> Iterator[list[Any]]:
        """Yields the entries that were added since the last call; they count as read if the ``with`` block raises no error.

        Raises FrameworkError where the file cannot be read, and for a damaged line, naming the byte at which the line begins.
        """
        content = self._unread_bytes() if self.grown() else b""
        lines = content[: content.rfind(b"\n") + 1]  # another process may still be writing the last line
        yield self._parse(lines)
        self._read += len(lines)

    def _unread_bytes(self) -> bytes:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._read)
                return stream.read()
        except OSError as error:
            raise FrameworkError(f"what was added cannot be read: {error}") from error

    def _parse(self, lines: bytes) -> list[Any]:
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
        """Yields the file for `append`, locked against other processes. Raises FrameworkError where no file can be created."""
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
        """Appends a line with the entries and waits until it is on the disk. First removes an incomplete last line, left by a
        crash.

        stream: from `writing`. Raises FrameworkError where the line cannot be written; then nothing is added.
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
