"""What a fit in a process of its own tells the run while it goes on: lines of a file, which the run reads as they come."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from framework.contracts.plain import from_plain, to_plain
from framework.contracts.section import Section
from framework.contracts.tracker import TrainingLog
from framework.report.console import Console, restored, stored
from framework.report.privacy import Disclosure
from framework.run.fits.process import OUTPUT, TOLD

SAY, SHOW, PROGRESS, METRICS, FINALIZE = "say", "show", "progress", "metrics", "finalize"  # kinds of line


class Teller:
    """Appends lines to the file."""

    def __init__(self, folder: Path) -> None:
        """folder: of the fit."""
        self.path = folder / TOLD

    def tell(self, kind: str, *content: object) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([kind, *content], ensure_ascii=False) + "\n")

    def progress(self, text: str) -> None:
        """See `FitContext.progress`."""
        self.tell(PROGRESS, text)


class ToldConsole(Console):
    """A console whose lines and sections the run shows."""

    def __init__(self, folder: Path, disclosure: Disclosure, teller: Teller) -> None:
        super().__init__(folder, disclosure)
        self.teller = teller

    def say(self, text: str = "") -> None:
        self.teller.tell(SAY, text)

    def show(self, section: Section) -> None:
        self.teller.tell(SHOW, to_plain(section, stored))


class ToldLog:
    """A tracker whose metrics the run logs. It can be pickled, for ranks of a distributed training."""

    def __init__(self, name: str, teller: Teller) -> None:
        self.name, self.teller = name, teller

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.teller.tell(METRICS, self.name, {name: float(value) for name, value in metrics.items()}, step)

    def finalize(self, status: str) -> None:
        self.teller.tell(FINALIZE, self.name, status)


class Listener:
    """Passes on what a fit tells and prints, in the process of the run."""

    def __init__(self, folder: Path, console: Console, progress: Callable[[str], None], logs: Sequence[TrainingLog]) -> None:
        """folder: of the fit. progress: shows how far the fit is. logs: the run's trackers."""
        self._told, self._printed = _Lines(folder / TOLD), _Lines(folder / OUTPUT)
        self._logs = {log.name: log for log in logs}
        self._acts: dict[str, Callable[..., object]] = {
            SAY: console.say,
            SHOW: lambda content: console.show(from_plain(Section, content)),
            PROGRESS: progress,
            METRICS: lambda name, metrics, step: self._logs[name].log_metrics(metrics, step),
            FINALIZE: lambda name, status: self._logs[name].finalize(status),
        }

    def listen(self) -> None:
        """Passes on what came since the last call. What libraries and warnings print goes to this process's standard error."""
        for line in self._printed.new():
            with tqdm.external_write_mode(file=sys.stderr):
                print(line.decode(errors="replace").rpartition("\r")[2], file=sys.stderr, flush=True)
        for line in self._told.new():
            kind, *content = json.loads(line, object_hook=restored)
            self._acts[kind](*content)


class _Lines:
    """The lines of a file that another process writes."""

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, 0

    def new(self) -> Iterator[bytes]:
        """Those that were written since the last call; one that is being written is left for the next."""
        with suppress(FileNotFoundError), self.path.open("rb") as stream:
            stream.seek(self.read)
            while (line := stream.readline()).endswith(b"\n"):
                self.read += len(line)
                yield line[:-1]
