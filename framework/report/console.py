"""What a run says: to the terminal, to run.log, and, section by section, to the report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from framework.contracts.plain import from_plain, revived, to_plain, with_template
from framework.contracts.section import Section
from framework.machine.disk import write_whole
from framework.report.privacy import Disclosure, Text

CELL = 100  # characters of a table cell shown on the terminal
ROWS = 30  # of a table; the report has them all
LOG = "run.log"
STEP = "== "  # what a line that names a step begins with
TEXT = "text of the data"  # key of a stored string that is one


class Shown(NamedTuple):
    """A section as it was shown, and the step of the run that it belongs to."""

    step: str
    section: Section


class Console:
    """Prints and remembers. Every line also goes to run.log in the run's folder.

    Texts of the user's data that a section marks are masked or left out as `disclosure` says, here and for the report.
    """

    def __init__(self, folder: Path, disclosure: Disclosure) -> None:
        self.path = folder / LOG
        self.disclosure = disclosure
        self._sections: list[Shown] = []
        self._step = ""

    @property
    def sections(self) -> list[Shown]:
        """Everything that was shown, as it may be shown."""
        return [Shown(step, disclosed(section, self.disclosure)) for step, section in self._sections]

    def say(self, text: str = "") -> None:
        print(text, flush=True)
        self.log(text)

    def log(self, text: str) -> None:
        """To run.log alone."""
        with self.path.open("a", encoding="utf-8") as log:
            log.write(text + "\n")

    def step(self, name: str) -> None:
        self._step = name
        self.say(f"\n{STEP}{name}")

    def show(self, section: Section) -> None:
        """Prints a section and keeps it for the report."""
        self._sections.append(Shown(self._step, section))
        self.say(f"\n{as_text(disclosed(section, self.disclosure))}")

    @contextmanager
    def recorded(self, path: Path) -> Iterator[None]:
        """What the block shows is written to a file when it ends well, for a process that goes on after it."""
        first = len(self._sections)
        yield
        path.parent.mkdir(parents=True, exist_ok=True)
        content = [{"step": step, "section": to_plain(section, _stored)} for step, section in self._sections[first:]]
        write_whole(path, json.dumps(content, ensure_ascii=False))

    def recall(self, path: Path) -> None:
        """What `recorded` wrote goes into the report, and is not printed again."""
        if path.is_file():
            for entry in json.loads(path.read_text(encoding="utf-8"), object_hook=_restored):
                self._sections.append(Shown(entry["step"], from_plain(Section, entry["section"])))


def _stored(text: str) -> object:
    """Texts of the user's data, and messages, are told from other strings in a way that JSON keeps."""
    return {TEXT: str(text)} if isinstance(text, Text) else with_template(text)


def _restored(content: dict[str, Any]) -> object:
    return Text(content[TEXT]) if content.keys() == {TEXT} else revived(content)


def disclosed(section: Section, disclosure: Disclosure) -> Section:
    """The section with its marked texts as they may be shown."""
    rows = [[disclosure.cell(cell) for cell in row] for row in section.rows]
    note = str(disclosure.cell(section.note)) if isinstance(section.note, Text) else section.note  # a message stays one
    return replace(section, rows=rows, note=note)


def as_text(section: Section, most: int = ROWS) -> str:
    """Title, table and note; of the table at most so many rows."""
    table = ""
    left = len(section.rows) - most
    if section.rows:
        rows = [[_short(str(cell)) for cell in row] for row in section.rows[:most]]
        align = ["right" if all(map(_NUMBER.fullmatch, column)) else "left" for column in zip(*rows, strict=True)]
        table = tabulate(rows, headers=list(section.header), colalign=align, disable_numparse=True)
    more = f"... and {left:,} more rows" if left > 0 else ""
    return "\n".join(part for part in (section.title, table, more, section.note) if part)


_NUMBER = re.compile(r"[-+]?[\d,.]*\s?(%|s|ms|MB|GB)?")


def _short(cell: str) -> str:
    return cell if len(cell) <= CELL else cell[: CELL - 1] + "…"
