"""The columns and further files that a task reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framework.contracts.data.cells import LABEL_KINDS, Kind


@dataclass(frozen=True)
class Column:
    """A column of a task."""

    role: str
    """The task's name for the column, in ``data.ROLE=HEADER`` and in tables."""
    names: tuple[str, ...]
    """Headers by which the column is recognised in a file, the best first."""
    kind: Kind
    """What a cell holds. Columns of texts, numbers and categories may also be recognised by their values."""
    target: bool = False
    """Whether the model predicts the column, so that a request leaves it out."""
    optional: bool = False
    """Whether a file may lack the column. It is recognised by its header or named by the user, never by its values."""

    @property
    def composes(self) -> bool:
        """Whether several columns of a file may form it: texts that are joined, or one column of 0 and 1 for each label."""
        return not self.optional and (self.kind in LABEL_KINDS if self.target else self.kind == "text")


@dataclass(frozen=True)
class SideTable:
    """A further, optional file of a task, ``data.NAME=FILE``, such as one that describes items."""

    name: str
    columns: tuple[Column, ...]
    """Their roles differ from those of the task. Other columns of the file keep their headers as names."""


@dataclass(frozen=True)
class Shares:
    """How many rows are held out for validation and test, and how many are trained on, from the recipe's `data:` section."""

    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    held_out_rows: int | None = 20_000
    """Most rows of validation, and of test; None: no limit."""
    limit_rows: int | None = None
    """Most rows of training; None: no limit."""


@dataclass(frozen=True)
class Prefix:
    """A beginning of a text that is ignored where duplicates are looked for, such as the "RT @user:" of a retweet."""

    name: str
    """What a text with this prefix is called, "retweet"."""
    pattern: re.Pattern[str]
    """Matches the prefix at the start of a text."""
