"""The contract of a task, a kind of problem: which columns its files have, how rows are split, how answers are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from framework.contracts.codec import Codec, Settings
from framework.contracts.contributions import Contributions
from framework.contracts.data.columns import Column, Prefix, Shares, SideTable
from framework.contracts.data.format import Claim, Sure
from framework.contracts.data.table import Splits, Table
from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.graph import Request, Response
from framework.contracts.message import Message, joined, message
from framework.contracts.options import NoOptions
from framework.contracts.section import Inspection, Section

Say = Callable[[str], None]  # prints a sentence about what was inferred from the data, repaired or left out


class TaskData(Protocol):
    """The splits in the form that the candidates of a task are fitted with."""

    @property
    def splits(self) -> Splits: ...

    def sections(self) -> list[Section]:
        """Tables about the data, such as the counts of labels, shown before training."""
        ...


@dataclass(frozen=True)
class Answers:
    """The responses of a model to the rows of a table."""

    codec: Codec
    responses: Sequence[Response]
    """One for each row, in the order of the rows."""
    scores: Sequence[Response] = ()
    """For each row how likely the model finds the row's targets (see `Scores`); empty for a codec without `Scores`."""

    def merged(self) -> list[Response]:
        """Each response with the fields of its score added."""
        if not self.scores:
            return list(self.responses)
        return [{**response, **score} for response, score in zip(self.responses, self.scores, strict=True)]


@dataclass(frozen=True)
class FileSample:
    """The first rows of a file, read as a task reads them, from which `Task.claims` tells whether the file is for the task."""

    rows: Table
    """With the columns `Task.canonical`; for a task that `SplitsItself`, with the columns `Task.every_column`."""
    headers: Mapping[str, str | Sequence[str]]
    """By role, the header in the file; several headers where columns were joined."""
    guessed: Collection[str]
    """Roles whose column was found by its values, because neither its header nor the user names the role."""


Options = TypeVar("Options")
TheirOptions = TypeVar("TheirOptions", contravariant=True)
Data = TypeVar("Data", bound=TaskData)


class Task(ABC, Generic[Options, Data]):
    """A kind of problem. Composing a recipe imports this class, so its module must import torch and other slow libraries in
    methods.
    """

    name: ClassVar[str]
    """The NAME of ``task=NAME``."""
    options: ClassVar[type] = NoOptions
    """Dataclass that types the recipe's `task:` section."""
    every_column: ClassVar[tuple[Column, ...]]
    """The columns that files of this task may have, by role. Where all are optional, a file has at least one of them."""
    shaped: ClassVar[tuple[Column, ...]] = ()
    """The columns of the table that `shape` returns and every later stage sees; empty: the same as `every_column`."""
    tables: ClassVar[tuple[SideTable, ...]] = ()
    """Further files beside the labelled rows, such as one with the titles of items."""
    prefix: ClassVar[Prefix | None] = None
    """Two texts that differ only in this prefix count as duplicates."""
    metrics: ClassVar[tuple[Metric, ...]]
    """The metrics to choose from with ``metric=NAME``, each a key of `Evaluation.metrics`; the first is the default."""
    loss: ClassVar[str | None] = None
    """A key of `Evaluation.metrics`, smaller is better, that the gate of lossy files bounds beside the metric."""
    competing: ClassVar[tuple[str, ...]]
    """Names of the candidates that compete where a recipe names none."""
    recipe: ClassVar[str | None] = None
    """The recipe that ``recipe=auto`` runs on files of this task; None: ``recipe=auto`` never chooses the task."""

    def columns(self, options: Options) -> tuple[Column, ...]:
        """The columns of `every_column` that are read with these options."""
        return self.every_column

    def metric(self, options: Options) -> Metric:
        """The metric that candidates are judged by, unless the recipe names another of `metrics`."""
        return self.metrics[0]

    def claims(self, sample: FileSample) -> Claim | None:
        """How sure the task is that a file is for it; None: the file is not. ``recipe=auto`` calls it.

        The surest task gets the file; two that are equally sure are an error. Called only for a file that the task can read and
        `shape`.
        """
        return Claim(Sure.POSSIBLE if sample.guessed else Sure.LIKELY, described(sample.headers))

    def shape(self, table: Table, options: Options, say: Say) -> Table:
        """Converts the columns of one file, or of one group of files, to the columns `shaped`.

        table: without its blank rows. The result may have fewer rows; take them with `Table.take`, so that each keeps its file
        and line. Raises InputError for a row that cannot be converted, naming it by `Table.where(row)`.
        """
        return table

    def judged(self, table: Table) -> Table:
        """The rows that models answer and are judged on, from rows of a split: of a dialogue, one row for each answer in it."""
        return table

    @abstractmethod
    def prepare(self, splits: Splits, options: Options) -> Data:
        """Converts the splits to the form that candidates are fitted with. Raises InputError for rows that cannot be used."""

    @abstractmethod
    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        """Judges a model's answers to rows. Raises InputError naming a row that cannot be judged."""

    def inspect(self, data: Data, options: Options) -> Inspection:
        """Further sections and problems of the data for the verb `check`. Must not import torch."""
        return Inspection()

    def requests(self, table: Table) -> Sequence[Request]:
        """The rows of a table as requests: by column, the values of every column that is no target."""
        return _rows(table, self.asked)

    def targets(self, table: Table) -> list[Request]:
        """The targets of each row, by column: the columns that its request leaves out."""
        return _rows(table, [name for name in table.columns if name not in self.asked])

    @property
    def canonical(self) -> tuple[Column, ...]:
        """The columns of a table after reading and shaping."""
        return self.shaped or self.every_column

    @property
    def asked(self) -> list[str]:
        """The roles of the columns that a request has."""
        return [column.role for column in self.canonical if not column.target]

    @property
    def answered(self) -> tuple[Column, ...]:
        """The columns of a file of requests, as `predict --file` reads it."""
        columns = self.shaped if isinstance(self, SplitsItself) else self.every_column
        return tuple(column for column in columns if not column.target)


def described(headers: Mapping[str, str | Sequence[str]]) -> Message:
    """Which column of a file each role is, as part of a sentence, such as "it has text in 'review' and label in 'stars'"."""
    named = [
        message("{role} in {column!r}", role=role, column=name if isinstance(name, str) else " + ".join(name))
        for role, name in headers.items()
    ]
    return message("it has {columns}", columns=joined(named, " and "))


def _rows(table: Table, columns: Sequence[str]) -> list[Request]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*(table.columns[c] for c in columns), strict=True)]


@runtime_checkable
class SplitsItself(Protocol[TheirOptions]):
    """A task that splits its rows itself because they depend on each other, such as the purchases of one customer."""

    def split(self, tables: Mapping[str, Table], options: TheirOptions, shares: Shares, seed: int, say: Say) -> Splits:
        """Cleans and splits the rows, in place of the framework's own cleaning and splitting.

        tables: "train" and, where the recipe names their files, "validation" and "test", each with the columns `every_column`.
        Returns splits whose training rows have the columns `every_column`, and whose validation and test rows have the columns
        `shaped`. `judged` converts training rows to the columns `shaped`. Must not import torch.
        """
        ...

    def labelled(self, table: Table, options: TheirOptions, say: Say) -> Table:
        """Converts the rows of a labelled file, on which a sealed artifact is judged, to the columns `shaped`."""
        ...


@runtime_checkable
class Refits(Protocol):
    """A task whose codecs have settings to fit anew for every lossy file, such as a calibration temperature."""

    def refit(self, responses: Sequence[Response], rows: Table, settings: Settings) -> dict[str, object]:
        """The codec settings that change for one lossy file, fitted on the file's responses to validation rows."""
        ...


@runtime_checkable
class Finalizes(Protocol):
    """A task that adds the held-out rows to the artifact after judging, such as every customer's latest purchases."""

    def complete(self, splits: Splits, resources: Path) -> None:
        """Changes files in the artifact's resources, after the model was judged on test and before the artifact is sealed."""
        ...


@runtime_checkable
class Decomposes(Protocol):
    """A task whose metrics follow from sums over rows, so that a bootstrap computes them on thousands of samples in a second.

    For any other task `Task.evaluate` judges every sample, and the bootstrap draws fewer samples.
    """

    def contributions(self, answers: Answers, rows: Table) -> Contributions | None:
        """The contribution of each row, for rows that `evaluate` can judge; None where these answers do not decompose."""
        ...
