"""The console of a run: prints to the terminal and to run.log, and collects sections for the report."""

from __future__ import annotations

import csv
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate
from tqdm import tqdm

from framework.contracts.candidate import Budget
from framework.contracts.plain import from_plain, revived, to_plain, with_template
from framework.contracts.section import CsvFile, Section
from framework.machine.disk import whole, write_whole
from framework.report.privacy import Disclosure, Text

CELL = 100  # characters of a table cell on the terminal, at most
ROWS = 30  # rows of a table on the terminal, at most; the report has all rows
LOG = "run.log"
TICK = 1.0  # seconds between updates of a live line
STEP = "== "  # beginning of a line that names a step
TEXT = "text of the data"  # key that marks a `Text` in JSON


class Shown(NamedTuple):
    """A shown section, and the step of the run that showed it."""

    step: str
    section: Section


class Console:
    """Prints to the terminal and to run.log, and collects sections for the report."""

    def __init__(self, folder: Path, disclosure: Disclosure) -> None:
        """folder: the run's. disclosure: what is shown of cells and notes that sections mark as `Text`, also in the report."""
        self.path = folder / LOG
        self.disclosure = disclosure
        self._sections: list[Shown] = []
        self._step = ""

    @property
    def sections(self) -> list[Shown]:
        """All sections so far, with their marked texts masked or left out."""
        return [Shown(step, disclosed(section, self.disclosure)) for step, section in self._sections]

    def say(self, text: str = "") -> None:
        """Prints and logs a text, above a live line where there is one."""
        with tqdm.external_write_mode(file=sys.stdout):
            print(text, flush=True)
        self.log(text)

    def log(self, text: str) -> None:
        """Writes a text to run.log only."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def step(self, name: str) -> None:
        """Begins a step of the run, to which the following sections belong."""
        self._step = name
        self.say(f"\n{STEP}{name}")

    def show(self, section: Section) -> None:
        """Prints and logs a section, writes its file, and keeps it for the report."""
        self._keep(Shown(self._step, section))
        self.say(f"\n{as_text(disclosed(section, self.disclosure))}")

    @contextmanager
    def live(self, title: str, budget: Budget, *, hidden: bool = False) -> Iterator[Callable[[str], None]]:
        """Shows a line about a fit on the terminal while the block runs: the title, the time that has passed, how far the fit
        is, and the time left of the run's budget. Without a terminal a plain line says that the fit begins.

        hidden: whether there is no such line on a terminal either. Yields a function that says how far the fit is.
        """
        if hidden or not sys.stderr.isatty():
            self.say(" ".join((f"{title}: the fit begins", *_left(budget))))
            yield lambda progress: None
            return
        started, progress, ended = time.monotonic(), "", threading.Event()
        with tqdm(bar_format="{desc}", leave=False, dynamic_ncols=True) as line:

            def show(text: str) -> None:
                nonlocal progress
                progress = text
                parts = (title, _clock(time.monotonic() - started), progress, *_left(budget))
                line.set_description_str("  ".join(part for part in parts if part))

            def tick() -> None:
                while not ended.wait(TICK):
                    show(progress)

            show("")
            ticking = threading.Thread(target=tick, daemon=True)
            ticking.start()
            try:
                yield show
            finally:
                ended.set()
                ticking.join()

    @contextmanager
    def recorded(self, path: Path) -> Iterator[None]:
        """Stores the sections that the block shows, in the file `path`, if the block succeeds. `recall` reads them."""
        first = len(self._sections)
        yield
        path.parent.mkdir(parents=True, exist_ok=True)
        content = [_entry(shown) for shown in self._sections[first:]]
        write_whole(path, json.dumps(content, ensure_ascii=False))

    def recall(self, path: Path) -> None:
        """Reads the sections that `recorded` stored and adds them to the report, unprinted; without the file there are none."""
        if path.is_file():
            for entry in json.loads(path.read_text(encoding="utf-8"), object_hook=restored):
                self._keep(Shown(entry["step"], from_plain(Section, entry["section"])))

    def _keep(self, shown: Shown) -> None:
        self._sections.append(shown)
        if (file := disclosed(shown.section, self.disclosure).file) is not None:
            _write_csv(file, self.path.parent)

    def forget(self, content: str) -> None:
        """Takes sections out of the report. content: of the file in which `recorded` stored them."""
        stored = json.loads(content)
        self._sections = [shown for shown in self._sections if _entry(shown) not in stored]


def _entry(shown: Shown) -> dict[str, Any]:
    return {"step": shown.step, "section": to_plain(shown.section, stored)}


def _left(budget: Budget) -> list[str]:
    return [] if budget.seconds is None else [f"({_clock(budget.remaining())} of the budget left)"]


def _clock(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}" if seconds % 60 < 59.5 else f"{seconds // 60 + 1:.0f}:00"


def stored(text: str) -> object:
    """Marks texts of the user's data, and messages, so that `restored` makes them again from JSON."""
    return {TEXT: str(text)} if isinstance(text, Text) else with_template(text)


def restored(content: dict[str, Any]) -> object:
    """Makes what `stored` marked again, as ``json.loads(..., object_hook=restored)``."""
    return Text(content[TEXT]) if content.keys() == {TEXT} else revived(content)


def disclosed(section: Section, disclosure: Disclosure) -> Section:
    """The section with its marked texts masked or left out."""
    rows = [[disclosure.cell(cell) for cell in row] for row in section.rows]
    # a note that is a message stays translatable
    note = str(disclosure.cell(section.note)) if isinstance(section.note, Text) else section.note
    file = section.file
    if file is not None:
        file = replace(file, rows=[[disclosure.cell(cell) for cell in row] for row in file.rows])
    return replace(section, rows=rows, note=note, file=file)


def _write_csv(file: CsvFile, folder: Path) -> None:
    with whole(folder / file.name) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([file.header, *file.rows])


def as_text(section: Section, most: int = ROWS) -> str:
    """Title, table and note as text; the table has at most `most` rows."""
    table = ""
    hidden = len(section.rows) - most
    if section.rows:
        rows = [[_short(str(cell)) for cell in row] for row in section.rows[:most]]
        align = ["right" if all(map(_NUMBER.fullmatch, column)) else "left" for column in zip(*rows, strict=True)]
        table = tabulate(rows, headers=list(section.header), colalign=align, disable_numparse=True)
    more = f"... and {hidden:,} more rows" if hidden > 0 else ""
    return "\n".join(part for part in (section.title, table, more, section.note) if part)


_NUMBER = re.compile(r"[-+]?[\d,.]*\s?(%|s|ms|MB|GB)?")


def _short(cell: str) -> str:
    return cell if len(cell) <= CELL else cell[: CELL - 1] + "…"
