"""What a plugin provides. Heavy things are named by a dotted string, ``"module:attribute"``, and imported when used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from framework.charts import Chart
from framework.data.needs import Column, SideTable
from framework.data.table import Splits, Table
from framework.errors import some
from framework.graphs import Check, Graph, Reference, Request, Response, Tensors

# Metadata of a field of options: on a command line all behind the first `=` is its value. The second takes lists, [a,b], too.
AS_WRITTEN: Mapping[str, str] = {"as_written": "name"}
NAMES_AS_WRITTEN: Mapping[str, str] = {"as_written": "names"}


@dataclass(frozen=True)
class Section:
    """A titled piece of what a run has to say: a table, a sentence, or both. Shown on the console and in the report.

    Cells and notes that come from the user's data are marked as `Text`.
    leads: it stands at the top of the report.
    charts: the table as pictures, for the report.
    heat: the table is a matrix of counts; the report shades each by its share of its row.
    about: for each row of the table the test row it is about; the report adds the training rows most like it.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    note: str = ""
    leads: bool = False
    charts: Sequence[Chart] = ()
    heat: bool = False
    about: Sequence[int] = ()


@dataclass(frozen=True)
class Problem:
    """Something odd about the data that does not stop a run. remedy: what the user can do, or what is done."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Metric:
    """The number a task is judged by, a key of `Evaluation.metrics`."""

    name: str
    maximize: bool = True

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`; negative when it is worse."""
        return value - over if self.maximize else over - value


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name (fractions, not per cent) and the tables that explain them.

    protocol: how they were measured, in words, where the same names mean other numbers elsewhere; it stands beside them.
    untested: values of the target of which there are no rows, so that the metrics say nothing of them.
    """

    metrics: dict[str, float]
    sections: Sequence[Section] = ()
    protocol: str = ""
    untested: Sequence[str] = ()

    @property
    def limits(self) -> str:
        """What the metrics say nothing of, a sentence; empty where there is nothing."""
        if not self.untested:
            return ""
        them = "them" if len(self.untested) > 1 else "it"
        return f"No rows of {some(self.untested)} were judged: these numbers say nothing of {them}."


class TaskData(Protocol):
    """The splits as a task understands them. `sections` is what the user sees before anything is trained."""

    splits: Splits

    def sections(self) -> list[Section]: ...


@dataclass(frozen=True)
class FitContext:
    """Everything a candidate may use to fit. It sees the test split nowhere: `data.splits.test` is empty here.

    trainer: arguments of `pytorch_lightning.Trainer`, by their own names.
    folder: where logs and checkpoints go.
    show: prints a section and puts it into the report.
    resume: a checkpoint to go on from; `framework.train` does, and trains nothing where training had ended.
    trackers: Lightning loggers of the recipe's trackers, beside the CSV log; they never raise.
    """

    data: Any
    options: Any
    model: Any
    trainer: Mapping[str, Any]
    metric: Metric
    seed: int
    folder: Path
    show: Callable[[Section], None]
    resume: Path | None = None
    trackers: Sequence[Any] = ()


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate.

    settings: what its codec needs, as plain data.
    predict: answers requests directly, for candidates that have no graphs.
    write_resources: puts the codec's files (a tokenizer) into a folder.
    save: writes the model in its library's own format, for people who go on in Python.
    references: called with the codec and validation requests; makes requests of them, with the answers of an independent
        implementation, such as transformers' own `generate`; every exact file of graphs with state is held to them.
    facts: what the manifest should say about it (backbone, licence, temperature, parameters), as plain data.
    tables: the arrays that graphs take as `Graph.tables`, by name.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    graphs: Sequence[Graph] = ()
    predict: Callable[[Sequence[Request]], list[Response]] | None = None
    write_resources: Callable[[Path], None] | None = None
    save: Callable[[Path], None] | None = None
    checks: Sequence[Check] = ()
    references: Callable[[Any, Sequence[Request]], list[Reference]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Tensors = field(default_factory=dict)


@dataclass
class NoOptions:
    """For candidates and exporters without settings."""


@dataclass(frozen=True)
class Candidate:
    """A way to solve a task.

    fit: ``"module:function"``, called with a `FitContext`, returns a `Fitted`.
    options: dataclass that types the recipe's `model:` section.
    check: ``"module:function"``, called with the task's options and these when the recipe is composed, before anything
        heavy is imported; returns the problems it finds.
    ready: ``"module:function"``, called with what the task's `data` returned, the task's options, these, and the arguments of
        the Trainer, before anything is trained and by the verb `check`; returns what would stop the fit. It imports no torch.
    baseline: always fitted and shown beside the model.
    stateful: its graphs have state, such as the cache of a decoder.
    """

    name: str
    fit: str
    options: type = NoOptions
    check: str | None = None
    ready: str | None = None
    baseline: bool = False
    stateful: bool = False


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

    def targets(self, table: Table) -> list[dict[str, str]]:
        """What the requests do not carry."""
        return _rows(table, [name for name in table.columns if name not in self._asked])

    @property
    def _asked(self) -> list[str]:
        return [column.role for column in self.canonical if not column.target]


def _rows(table: Table, columns: Sequence[str]) -> list[dict[str, str]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*(table.columns[c] for c in columns), strict=True)]


@dataclass(frozen=True)
class Variant:
    """The files of one export: graph name -> path. `facts`: opset, precision, what was quantized, how.

    settings: those of the codec that are different for this variant.
    name, format: those of the exporter; the framework fills them in.
    """

    files: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    format: str = ""


@dataclass(frozen=True)
class Exporter:
    """Writes graphs to files.

    export: ``"module:function"``, called with the graphs, an empty folder, the options and the files of `base`
        ({graph name: path}, empty without a base); writes into the folder and returns a `Variant` whose paths are
        relative to it. A lossy exporter's is called with calibration feeds as well, {graph name: a list of inputs made from
        training rows}, if it `calibrates`, and is a generator: it writes candidates into the folder, each over the one
        before, from the most to the least aggressive, and yields a `Variant` for each until one is accepted.
    open: ``"module:function"``, called with the graphs and {graph name: path}; returns a `Backend` that runs the files.
    format: of the files. "onnx" is what the runtime opens without torch; an artifact holds at least one such variant.
    base: the exporter whose files this one starts from.
    exact: its outputs equal the model's within tolerance or the run fails. Otherwise it is lossy: the first candidate ships
        whose metric on validation drops by at most its option ``max_drop``, whose loss, if the task names one, rises by at
        most the share ``max_loss_rise``, and which is clearly smaller or faster than `base`, unless not ``must_help``.
    calibrates: a lossy exporter looks at what graphs are fed, which is refused for graphs with state.
    check: ``"module:function"``, called with the options when the recipe is composed; returns the problems it finds.
    """

    name: str
    export: str
    open: str
    format: str
    options: type = NoOptions
    base: str | None = None
    exact: bool = True
    calibrates: bool = True
    check: str | None = None
