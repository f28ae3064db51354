"""Converts files of other formats into folders that transformers reads: each file once, into a cache, whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from framework import FrameworkError, InputError


def cache_folder(kind: str) -> Path:
    """The cache for folders converted from one format: ``recipe-framework/KIND`` in ``$XDG_CACHE_HOME``, else in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recipe-framework" / kind


def convert_once(name: str, folder: Path, convert: Callable[[Path], None]) -> Path:
    """Returns `folder`; where it does not exist, `convert` fills it first, in one process at a time.

    name: the address of the file, for messages. Raises InputError where the file cannot be converted, FrameworkError where the
    cache cannot be written.
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
        if isinstance(error, OSError) or "os error" in str(error):  # safetensors wraps errors of the operating system
            advice = "make room, or name another place for it, XDG_CACHE_HOME=FOLDER"
            raise FrameworkError(
                f"{folder.parent}, where converted weights go, cannot be written: {error}; {advice}"
            ) from error
        raise InputError(f"model.name={name} cannot be converted: {type(error).__name__}: {error}") from error
    return folder


def _fill(folder: Path, convert: Callable[[Path], None]) -> None:
    """Converts into a temporary folder and renames that to `folder`. Needs the lock, because all processes use the same
    temporary folder; what a killed process left there is deleted.
    """
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        convert(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
