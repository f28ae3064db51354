"""Files that are whole or not there, and what a disk that refuses them means, in one sentence."""

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
IN_TEXT = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")  # libraries in Rust, and those that wrap an OSError


@contextmanager
def whole(final: Path) -> Iterator[Path]:
    """A hidden path beside `final`, for a file or a folder: it takes that name when the block ends well, else it is removed.

    Nothing is there when the block begins, whatever a process left that was killed.
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
    """Raises FrameworkError where the disk refuses what the block writes.

    path: the file, or a folder when it may be any file in it. needed: bytes, 0 where it is not known. Libraries in C++ hide
    why a write failed, or that it did until the file is read again: with less room than that, the disk was full.
    """
    try:
        yield
    except FrameworkError:
        raise
    except Exception as error:
        said = explain(error, path, needed)
        if said is None and free(path) < needed:
            said = f"{_no_room(errno.ENOSPC, path, needed)} ({type(error).__name__}: {str(error).splitlines()[0]})"
        if said is None:
            raise
        raise FrameworkError(said) from error


def explain(error: BaseException, path: Path, needed: int = 0) -> str | None:
    """What a refused write means for a person; None when the error is about something else."""
    number = _errno(error)
    if number not in REASONS:
        return None
    named = error.filename2 or error.filename if isinstance(error, OSError) else None
    place = Path(str(named)) if named else path
    if number not in ABOUT_SPACE:
        return f"{place}: {REASONS[number]}"
    if not named and number == errno.ENOSPC:  # libraries write to the temporary folder too
        place = min((path, Path(tempfile.gettempdir())), key=free)
    return _no_room(number, place, needed)


def _no_room(number: int, place: Path, needed: int) -> str:
    size = f"; about {megabytes(needed)} are needed" if needed else ""
    return f"{place}: {REASONS[number]}{size}, {megabytes(free(place))} are free; {ADVICE}"


def free(path: Path) -> int:
    """Bytes left where `path` is, or would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _errno(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = IN_TEXT.search(str(error))
    return int(found[1] or found[2]) if found else None


def write_whole(path: Path, text: str) -> None:
    """A file that is never half written, whatever ends the process."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def shown(path: Path) -> Path:
    """A path as a person would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
