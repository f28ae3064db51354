"""sha256 of files that backbones are read from: computed once for a file that stays as it is."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

FILE = "checksums.json"  # in a converted folder: what its files were when they were made


def checksum(path: Path) -> str:
    """sha256 of a file, which is read again only where its size or time has changed."""
    about = path.stat()
    return _checksum(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _checksum(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_checksums(folder: Path) -> None:
    """Notes what the files of a folder are, for `altered`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    content = {path.relative_to(folder).as_posix(): checksum(path) for path in paths}
    (folder / FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


def altered(folder: Path) -> str | None:
    """The first file that is not as `write_checksums` saw it, or gone; None where all are."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return FILE
    return next((name for name, digest in content.items() if not _is(folder / name, digest)), None)


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and checksum(path) == digest
