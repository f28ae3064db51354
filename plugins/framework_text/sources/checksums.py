"""sha256 of files of backbones, cached until a file changes."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

FILE = "checksums.json"  # file in a converted folder with the sha256 of each file, as written


def checksum(path: Path) -> str:
    """sha256 of a file, computed again only after its size or modification time has changed."""
    status = path.stat()
    return _checksum(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _checksum(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_checksums(folder: Path) -> None:
    """Records the sha256 of every file of a folder, for `find_altered`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    content = {path.relative_to(folder).as_posix(): checksum(path) for path in paths}
    (folder / FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


def find_altered(folder: Path) -> str | None:
    """The name of the first file that changed or vanished since `write_checksums`; None where all are unchanged."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return FILE
    return next((name for name, digest in content.items() if not _matches(folder / name, digest)), None)


def _matches(path: Path, digest: str) -> bool:
    return path.is_file() and checksum(path) == digest
