"""What a task needs of the files it is given."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framework.contracts.data.cells import Kind


@dataclass(frozen=True)
class Column:
    """A column that a task needs, by role.

    names: header spellings recognised, the best first.
    kind: what a cell holds: see `Kind`. Columns of texts, numbers and categories may be guessed by their values.
    target: the column is what the model predicts, so a request does not carry it.
    optional: a file may lack it. It is taken where a header spelling matches or the user names it, never guessed by its values.
    """

    role: str
    names: tuple[str, ...]
    kind: Kind
    target: bool = False
    optional: bool = False

    @property
    def composes(self) -> bool:
        """Whether it may be made of several columns: texts joined, or columns of 0 and 1, one for each label."""
        return not self.optional and self.kind == ("category" if self.target else "text")


@dataclass(frozen=True)
class SideTable:
    """A further file of a task, such as what is known about items: ``data.NAME=FILE``. It may be left out.

    columns: by role, as those of a task; roles are different from the task's. Other columns of the file keep their names.
    """

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Shares:
    """How much is held out, from the recipe's `data:` section."""

    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    held_out_rows: int | None = 20_000
    limit_rows: int | None = None


@dataclass(frozen=True)
class Prefix:
    """What may stand before a text without making it another.

    name: what such a text is called, "retweet". pattern: from the start of a text.
    """

    name: str
    pattern: re.Pattern[str]
