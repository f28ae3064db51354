"""A trial in a process of its own: its memory ends with it, and nothing that happens to it can end the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.contracts.message import Message, message
from framework.run.folder import read_json, write_json
from framework.training.records import VALIDATIONS

ORDER, RESULT, OUTPUT = "order.json", "result.json", "output.log"  # in the folder of the trial
MODULE = "framework.run.search.trial"
POLL = 0.2  # seconds between looks at a trial
GRACE = 1.0  # seconds that a trial may take beyond its time before it is ended


@dataclass(frozen=True)
class Order:
    """What the process of a trial does."""

    run: str
    """Folder of the run, whose recipe and rows it reads."""
    candidate: str
    settings: Mapping[str, Any]
    """By full key of the recipe."""
    competing: Sequence[str]
    """See `FitContext.competing`: a trial may use what the fits of the others left."""
    begin: str | None
    """The fitted folder to begin with; None: it begins anew."""
    beside: str | None
    """See `FitContext.beside`."""
    until: float | None
    """When it must have ended, by `time.time`; None: no limit."""
    scoring: float
    """Expected seconds after the fit."""


@dataclass(frozen=True)
class Result:
    """How a trial ended."""

    seconds: float
    peak_bytes: int
    score: float | None = None
    refused: tuple[str, ...] = ()
    """Why there is no fitted candidate, a sentence each."""
    averaged: bool = False
    """Whether its weights are the mean of its own and those of `Order.beside`."""
    stopped: bool = False
    """Whether the run stopped it early."""


def run_process(folder: Path, order: Order, falls_behind: Callable[[Path], bool]) -> Result:
    """Runs a trial and returns how it ended; ends the trial where this process is interrupted.

    folder: of the trial. falls_behind: called with the file of its validations when it has changed; True stops the trial.
    """
    write_json(folder / ORDER, order)
    started = time.perf_counter()
    with (folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # of the same Python, with paths of this run
            [sys.executable, "-m", MODULE, str(folder), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the trial
        )
        try:
            ended = _watched(process, folder, order, falls_behind)
        finally:
            process.kill()
            process.wait()
    seconds = round(time.perf_counter() - started, 1)
    if ended is not None:
        return Result(seconds, 0, refused=(ended,) if ended else (), stopped=not ended)
    result = read_json(Result, folder / RESULT)
    return result if result is not None else Result(seconds, 0, refused=(_death(process.returncode, folder),))


def _watched(process: subprocess.Popen[bytes], folder: Path, order: Order, falls_behind: Callable[[Path], bool]) -> str | None:
    """Waits for the end of the process. Returns None where it ended by itself, "" where it fell behind, else why it ends."""
    validations, seen = folder / VALIDATIONS, 0
    while process.poll() is None:
        time.sleep(POLL)
        if order.until is not None and time.time() > order.until + GRACE:
            return message("it took longer than the time that was left")
        size = validations.stat().st_size if validations.is_file() else 0
        if size != seen and falls_behind(validations):
            return ""
        seen = size
    return None


def read_validations(path: Path) -> list[tuple[float, float]]:
    """The shares of the training and metrics that a trial has written so far; a line that is being written is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [(share, value) for share, value in map(json.loads, lines)]


def _death(code: int, folder: Path) -> Message:
    """Why a process without a result ended. code: its exit code, negative for a signal."""
    if code == -signal.SIGKILL:
        return message("its process was killed, as the system does when memory is used up")
    if code < 0:
        return message("its process was ended by {signal}", signal=signal.Signals(-code).name)
    return message("its process ended with code {code}: {line}", code=code, line=last_line(folder / OUTPUT))


def last_line(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
