"""Files of other formats become folders that transformers reads: once, in a cache, whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from framework import FrameworkError, InputError


def cache(kind: str) -> Path:
    """Where folders converted from one format lie: ``$XDG_CACHE_HOME/recipe-framework/KIND``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recipe-framework" / kind


def once(name: str, folder: Path, convert: Callable[[Path], None]) -> Path:
    """The folder, filled by `convert` where it is not there yet; of several processes that want it one does.

    Raises InputError where the file, whose address is `name`, cannot be converted, FrameworkError where the cache cannot be
    written.
    """
    if folder.is_dir():
        return folder
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                print(f"converting {name}, once, into {folder}", file=sys.stderr, flush=True)
                _fill(folder, convert)
    except FrameworkError:
        raise
    except Exception as error:
        if isinstance(error, OSError) or "os error" in str(error):  # safetensors wraps what a disk says
            advice = "make room, or name another place for it, XDG_CACHE_HOME=FOLDER"
            raise FrameworkError(
                f"{folder.parent}, where converted weights go, cannot be written: {error}; {advice}"
            ) from error
        raise InputError(f"model.name={name} cannot be converted: {type(error).__name__}: {error}") from error
    return folder


def _fill(folder: Path, convert: Callable[[Path], None]) -> None:
    """Within a lock: what an earlier process left unfinished is made again."""
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        convert(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
