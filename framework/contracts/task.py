"""What a plugin provides. Heavy things are named by a dotted string, ``"module:attribute"``, and imported when used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from framework.contracts.candidate import Candidate, NoOptions
from framework.contracts.columns import Column, SideTable
from framework.contracts.evaluation import Metric
from framework.contracts.graph import Request
from framework.contracts.section import Section
from framework.contracts.table import Splits, Table


class TaskData(Protocol):
    """The splits as a task understands them. `sections` is what the user sees before anything is trained."""

    splits: Splits

    def sections(self) -> list[Section]: ...


@dataclass(frozen=True)
class Task:
    """A kind of problem.

    columns: those of files, by role. Where all are optional, a file has at least one of them.
    options: dataclass that types the recipe's `task:` section.
    data: ``"module:function"``, called with `Splits` and the options, returns `TaskData`. Raises InputError.
    evaluate: ``"module:function"``, called with responses, the `Table` they answer, and the facts of the candidate;
        returns an `Evaluation`.
    codec: ``"module:class"``, a `Codec`.
    candidates: exactly one that is not a baseline.
    inspect: ``"module:function"`` for the verb `check`: called with what `data` returned, the task's options and those of the
        model; returns sections (rows as the model will see them, an estimate) and a list of `Problem`. It imports no torch.
    loss: a key of `Evaluation.metrics`, smaller is better, that lossy files must keep beside the metric.
    refit: ``"module:function"``, called with the responses of a lossy file to the validation rows, their `Table` and the
        codec's settings; returns settings chosen again for this file, such as a temperature.
    shape: ``"module:function"``, called for each file or group of files that is read, with a `Table` of the roles found in it
        (rows that are blank in a needed column, or in all, are left out), the task's options, and a function that takes a
        sentence about what was repaired; returns a `Table` with the columns `shaped`. Rows may become fewer, `Table.take`
        keeps where each is from. Raises InputError naming `Table.where(row)`. It imports no torch.
    shaped: the columns that `shape` makes: what everything after reading sees, duplicates, splits, requests, `evaluate`.
    judged: ``"module:function"``, called with the rows of validation and test once they are split, returns a `Table` of the
        rows to answer and to judge, such as one for each answer of a dialogue. It may add columns for `evaluate`.
    split: ``"module:function"`` for rows that say something only together, such as who bought what: called with {"train",
        and where files are given "validation", "test": a `Table` of the columns}, the task's options, `Shares`, the seed, and a
        function that takes a sentence; returns `Splits` whose train has rows of the columns and whose others have the columns
        `shaped`. It takes the place of everything else that cleans and splits. It imports no torch. `judged` makes rows of the
        columns `shaped` from training rows.
    labelled: ``"module:function"`` beside `split`, called with a `Table` of the columns of a file that a sealed artifact is
        judged on, the task's options, and a function that takes a sentence; returns rows of the columns `shaped`.
    tables: further files.
    complete: ``"module:function"``, called with `Splits` and the folder of the resources once everything is measured: writes
        there what an artifact in use should know and a model that is judged must not, such as everyone's latest purchases.
    scores: the codec has ``score(request, targets)``, steps like those of `start` whose response, what the model says of a
        row's targets (how likely they are), is added to the row's response for `evaluate`. targets: {column: text}. Calls
        that both begin with, up to the first of a graph with state, such as reading a prompt, are run once.
    """

    name: str
    columns: tuple[Column, ...]
    metric: Metric
    data: str
    evaluate: str
    codec: str
    candidates: tuple[Candidate, ...]
    options: type = NoOptions
    inspect: str | None = None
    loss: str | None = None
    refit: str | None = None
    shape: str | None = None
    shaped: tuple[Column, ...] = ()
    judged: str | None = None
    scores: bool = False
    split: str | None = None
    labelled: str | None = None
    tables: tuple[SideTable, ...] = ()
    complete: str | None = None

    @property
    def model(self) -> Candidate:
        """The candidate that a recipe trains and ships."""
        return next(candidate for candidate in self.candidates if not candidate.baseline)

    @property
    def canonical(self) -> tuple[Column, ...]:
        """The columns of a table once it was read."""
        return self.shaped or self.columns

    @property
    def answered(self) -> tuple[Column, ...]:
        """The columns of a file of requests."""
        return tuple(column for column in (self.shaped if self.split else self.columns) if not column.target)

    def requests(self, table: Table) -> Sequence[Request]:
        """The rows of a table as requests: every column but the targets."""
        return _rows(table, self._asked)

    def targets(self, table: Table) -> list[Request]:
        """What the requests do not carry."""
        return _rows(table, [name for name in table.columns if name not in self._asked])

    @property
    def _asked(self) -> list[str]:
        return [column.role for column in self.canonical if not column.target]


def _rows(table: Table, columns: Sequence[str]) -> list[Request]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*(table.columns[c] for c in columns), strict=True)]
