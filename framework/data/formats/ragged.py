"""Ragged rows of delimited text: rows with more or fewer fields than the header."""

from __future__ import annotations

from pathlib import Path

from framework.errors import InputError

MAX_SHOWN = 5  # rows that one error names, at most


class RaggedRows:
    """Collects ragged rows, so that one error reports all of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.more = 0  # number of ragged rows after the first `MAX_SHOWN`
        self.title = False  # the header has one field, so it may be a title

    def add(self, line: int, fields: int, width: int) -> None:
        """Collects a ragged row. line: its line number. fields: number of its fields. width: number of fields of the header."""
        self.title |= width == 1
        if len(self.problems) < MAX_SHOWN:
            self.problems.append(f"{self.path}, line {line}: {fields} fields where the header has {width}")
        else:
            self.more += 1

    def check(self) -> None:
        """Raises InputError for the rows collected, if there are any."""
        if not self.problems:
            return
        rest = f" (and {self.more} more lines)" if self.more else ""
        title = "; if a title stands above the header, delete it" if self.title else ""
        last = f"{self.problems[-1]}{rest}; quote fields that contain the delimiter or a line break{title}"
        raise InputError(*self.problems[:-1], last)
