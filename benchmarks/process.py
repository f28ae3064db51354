"""Runs the command line in a process of its own, and measures its time and peak memory. Linux only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

# Reads the high-water mark of the process itself: the peak that wait4 reports includes that of the parent before exec.
PROGRAM = """
import re, sys
from pathlib import Path
from framework.__main__ import main
note, *arguments = sys.argv[1:]
code = main(arguments)
Path(note).write_text(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """What a process needed."""

    seconds: float
    """Wall time."""
    peak: int
    """Bytes of resident memory at most."""


def command(*arguments: str, shown: bool = True) -> Cost:
    """Runs ``python -m framework ARGUMENTS``, with its output on stderr if `shown`. Exits when the command fails."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "peak"
        started = time.perf_counter()
        output = sys.stderr if shown else subprocess.DEVNULL
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(note), *arguments], stdout=output, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(f"error: python -m framework {' '.join(arguments)} ended with exit code {done.returncode}")
        return Cost(seconds, 1024 * int(note.read_text()))


@contextmanager
def run_folder(folder: Path | None) -> Iterator[Path]:
    """The folder for a run; None: a temporary one, deleted afterwards."""
    with nullcontext(folder) if folder else tempfile.TemporaryDirectory() as place:
        yield folder or Path(place) / "run"


def sentiment_run(folder: Path, *overrides: str) -> Cost:
    """Runs the sentiment recipe into `folder`."""
    return command("recipe=sentiment", f"hydra.run.dir={folder}", *overrides)
