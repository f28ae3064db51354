"""The command line in a process of its own: how long it takes, and the memory it needs at most. Linux."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

# The kernel's high-water mark of the process itself: what wait4 reports begins with that of the process that started it.
PROGRAM = """
import re, sys
from pathlib import Path
from framework.__main__ import main
note, *given = sys.argv[1:]
code = main(given)
Path(note).write_text(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """seconds: wall time of the whole process. peak: of its resident memory, in bytes."""

    seconds: float
    peak: int


def command(*arguments: str, shown: bool = True) -> Cost:
    """``python -m framework ARGUMENTS``; what it prints goes to stderr where it is shown. Ends the benchmark when it fails."""
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
def run_folder(kept: Path | None) -> Iterator[Path]:
    """Where a run goes: the folder that is kept, or else one that is removed afterwards."""
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as place:
        yield kept or Path(place) / "run"


def sentiment_run(folder: Path, *overrides: str) -> Cost:
    """A run of the sentiment recipe, left in `folder`."""
    return command("recipe=sentiment", f"hydra.run.dir={folder}", *overrides)
