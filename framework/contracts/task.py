"""A kind of problem: what its files hold, how its rows are split and its answers judged."""

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

Say = Callable[[str], None]  # takes a sentence about what was inferred, repaired or left out


class TaskData(Protocol):
    """The splits as a task understands them."""

    @property
    def splits(self) -> Splits: ...

    def sections(self) -> list[Section]:
        """What the user sees before anything is trained."""
        ...


@dataclass(frozen=True)
class Answers:
    """What a model says of rows, in their order."""

    codec: Codec
    responses: Sequence[Response]
    scores: Sequence[Response] = ()
    """What it says of the answers that the rows hold, where the codec has `Scores`; else empty."""

    def merged(self) -> list[Response]:
        """Each response with its score beside it."""
        if not self.scores:
            return list(self.responses)
        return [{**response, **score} for response, score in zip(self.responses, self.scores, strict=True)]


@dataclass(frozen=True)
class Head:
    """The first rows of a file, read as a task reads them: by these it says whether the file is for it."""

    rows: Table
    """In the columns that the task works on, `Task.canonical`; of a task that `SplitsItself`, in those of files."""
    headers: Mapping[str, str | Sequence[str]]
    """The header of each role, as the file has it; several where columns were joined."""
    guessed: Collection[str]
    """Roles whose column was told by its values, because no header says so."""


Options = TypeVar("Options")
TheirOptions = TypeVar("TheirOptions", contravariant=True)
Data = TypeVar("Data", bound=TaskData)


class Task(ABC, Generic[Options, Data]):
    """A kind of problem. Its module is imported to compose a recipe: torch and the like are imported within methods."""

    name: ClassVar[str]
    """In ``task=NAME``."""
    options: ClassVar[type] = NoOptions
    """Dataclass that types the recipe's `task:` section."""
    every_column: ClassVar[tuple[Column, ...]]
    """Columns of files, by role. Where all are optional, a file has at least one of them."""
    shaped: ClassVar[tuple[Column, ...]] = ()
    """The columns that `shape` makes, which everything after reading sees; none: those of the files."""
    tables: ClassVar[tuple[SideTable, ...]] = ()
    """Further files."""
    prefix: ClassVar[Prefix | None] = None
    """Two texts that differ in it alone are duplicates."""
    metrics: ClassVar[tuple[Metric, ...]]
    """Keys of `Evaluation.metrics` by which a recipe may judge, ``metric=NAME``; the first unless it names one."""
    loss: ClassVar[str | None] = None
    """A key of `Evaluation.metrics`, smaller is better, that lossy files must keep beside the metric."""
    competing: ClassVar[tuple[str, ...]]
    """Names of the candidates that compete where a recipe names none."""
    recipe: ClassVar[str | None] = None
    """The recipe that ``recipe=auto`` runs on files of this task; None: it leaves the task out."""

    def columns(self, options: Options) -> tuple[Column, ...]:
        """Those of `every_column` that these options read."""
        return self.every_column

    def metric(self, options: Options) -> Metric:
        """What the task is judged by, unless the recipe names another of `metrics`."""
        return self.metrics[0]

    def claims(self, head: Head) -> Claim | None:
        """How sure the task is that a file is its own, asked where the recipe names no task; None: it is not.

        The surest reads the file; of two that are equally sure none does. It is asked about files whose first rows `columns`
        and `shape` can read.
        """
        return Claim(Sure.POSSIBLE if head.guessed else Sure.LIKELY, described(head.headers))

    def shape(self, table: Table, options: Options, say: Say) -> Table:
        """The columns `shaped` of a file or group of files, whose blank rows are left out already.

        Rows may become fewer; `Table.take` keeps where each is from. Raises InputError naming `Table.where(row)`.
        """
        return table

    def judged(self, table: Table) -> Table:
        """The rows of validation or test that are answered and judged, such as one for each answer of a dialogue."""
        return table

    @abstractmethod
    def prepare(self, splits: Splits, options: Options) -> Data:
        """The splits as candidates see them. Raises InputError."""

    @abstractmethod
    def evaluate(self, answers: Answers, rows: Table) -> Evaluation:
        """How good answers to rows are. Raises InputError naming a row that cannot be judged."""

    def inspect(self, data: Data, options: Options) -> Inspection:
        """For the verb `check`. It imports no torch."""
        return Inspection()

    def requests(self, table: Table) -> Sequence[Request]:
        """The rows of a table as requests: every column but the targets."""
        return _rows(table, self.asked)

    def targets(self, table: Table) -> list[Request]:
        """What the requests do not carry."""
        return _rows(table, [name for name in table.columns if name not in self.asked])

    @property
    def canonical(self) -> tuple[Column, ...]:
        """The columns of a table once it was read."""
        return self.shaped or self.every_column

    @property
    def asked(self) -> list[str]:
        """The columns of a request."""
        return [column.role for column in self.canonical if not column.target]

    @property
    def answered(self) -> tuple[Column, ...]:
        """The columns of a file of requests."""
        columns = self.shaped if isinstance(self, SplitsItself) else self.every_column
        return tuple(column for column in columns if not column.target)


def described(headers: Mapping[str, str | Sequence[str]]) -> Message:
    """Which column of a file each role is."""
    named = [
        message("{role} in {column!r}", role=role, column=name if isinstance(name, str) else " + ".join(name))
        for role, name in headers.items()
    ]
    return message("it has {columns}", columns=joined(named, " and "))


def _rows(table: Table, columns: Sequence[str]) -> list[Request]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*(table.columns[c] for c in columns), strict=True)]


@runtime_checkable
class SplitsItself(Protocol[TheirOptions]):
    """A task whose rows say something only together, such as who bought what."""

    def split(self, tables: Mapping[str, Table], options: TheirOptions, shares: Shares, seed: int, say: Say) -> Splits:
        """tables: "train" and, where files are given, "validation" and "test", each with the columns of files.

        Returns splits whose train has rows of these columns and whose others have the columns `shaped`. It takes the place of
        everything else that cleans and splits. `judged` makes rows of the columns `shaped` of training rows. It imports no
        torch.
        """
        ...

    def labelled(self, table: Table, options: TheirOptions, say: Say) -> Table:
        """Of a file that a sealed artifact is judged on, rows of the columns `shaped`."""
        ...


@runtime_checkable
class Refits(Protocol):
    """A task whose codecs have settings that a lossy file makes worth choosing again, such as a temperature."""

    def refit(self, responses: Sequence[Response], rows: Table, settings: Settings) -> dict[str, object]:
        """Settings chosen for this file by its responses to validation rows."""
        ...


@runtime_checkable
class Finalizes(Protocol):
    """A task whose artifact in use should know what a model that is judged must not, such as everyone's latest purchases."""

    def complete(self, splits: Splits, resources: Path) -> None:
        """Changes files of the resources, once everything is measured."""
        ...


@runtime_checkable
class Decomposes(Protocol):
    """A task with metrics that follow from sums over rows: two models are compared on thousands of samples of the rows in a
    second. Without it every sample is judged by `Task.evaluate`, and there are fewer of them.
    """

    def contributions(self, answers: Answers, rows: Table) -> Contributions | None:
        """What each row adds, of rows that `evaluate` could judge; None where these answers do not decompose."""
        ...
