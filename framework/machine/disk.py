"""Writes files and folders whole or not at all, and explains why the disk refuses a write."""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.errors import FrameworkError

REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "files may not grow that large here (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}
ADVICE = "make room, or write to another folder (hydra.run.dir=FOLDER for a run)"
ABOUT_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
IN_TEXT = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")  # an errno in the message of a wrapped OSError, or of Rust


@contextmanager
def whole(final: Path) -> Iterator[Path]:
    """Yields a hidden path beside `final` for a file or folder; renames it to `final` if the block succeeds, else removes it.

    The hidden path does not exist when the block begins, even if a killed process left one.
    """
    unfinished = final.with_name(f".{final.name}-unfinished")
    _remove(unfinished)
    try:
        yield unfinished
        unfinished.replace(final)
    finally:
        _remove(unfinished)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, needed: int = 0) -> Iterator[None]:
    """Converts an error of a refused write in the block to a FrameworkError with the reason.

    path: the file, or the folder of the files. needed: bytes that are written, 0 if unknown. Libraries in C++ hide why a write
    failed, or fail only when they read the file again: where fewer bytes than `needed` are free, any error counts as a full
    disk.
    """
    try:
        yield
    except FrameworkError:
        raise
    except Exception as error:
        reason = explain(error, path, needed)
        if reason is None and free(path) < needed:
            reason = f"{_no_room(errno.ENOSPC, path, needed)} ({type(error).__name__}: {str(error).splitlines()[0]})"
        if reason is None:
            raise
        raise FrameworkError(reason) from error


def explain(error: BaseException, path: Path, needed: int = 0) -> str | None:
    """A sentence on why a write was refused; None for any other error. path, needed: as for `writing`."""
    number = _errno(error)
    if number not in REASONS:
        return None
    filename = error.filename2 or error.filename if isinstance(error, OSError) else None
    place = Path(str(filename)) if filename else path
    if number not in ABOUT_SPACE:
        return f"{place}: {REASONS[number]}"
    if not filename and number == errno.ENOSPC:  # libraries write to the temporary folder too
        place = min((path, Path(tempfile.gettempdir())), key=free)
    return _no_room(number, place, needed)


def _no_room(number: int, place: Path, needed: int) -> str:
    size = f"; about {megabytes(needed)} are needed" if needed else ""
    return f"{place}: {REASONS[number]}{size}, {megabytes(free(place))} are free; {ADVICE}"


def free(path: Path) -> int:
    """Free bytes on the file system of `path`, which need not exist."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _errno(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = IN_TEXT.search(str(error))
    return int(match[1] or match[2]) if match else None


def write_whole(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def shown(path: Path) -> Path:
    """The path as a user would type it: relative to the working directory if it is inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
