"""What a plugin provides. Heavy things are named by a dotted string, ``"module:attribute"``, and imported when used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from framework.data.table import Splits, Table

Request = Mapping[str, Any]
Response = dict[str, Any]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Section:
    """A titled piece of what a run has to say: a table, a sentence, or both. Shown on the console and in the report.

    leads: it stands at the top of the report.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    note: str = ""
    leads: bool = False


@dataclass(frozen=True)
class Column:
    """A column that a task needs, by role.

    names: header spellings recognised, the best first.
    kind: "text" is free text, "category" repeats few values, "number" is written in digits.
    target: the column is what the model predicts, so a request does not carry it.
    """

    role: str
    names: tuple[str, ...]
    kind: Literal["text", "category", "number"]
    target: bool = False


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
    """Metrics by name (fractions, not per cent) and the tables that explain them."""

    metrics: dict[str, float]
    sections: Sequence[Section] = ()


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
    resume: a checkpoint to go on from.
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


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph. `axes` names the dynamic ones and gives the size of the fixed ones."""

    name: str
    dtype: str
    axes: tuple[str | int, ...]
    pad: float = 0


@dataclass(frozen=True)
class Graph:
    """One function over tensors that exporters write to a file. Every input and output has the axis ``batch`` first.

    inputs: named and ordered as the module's arguments.
    axes: the smallest and largest size of each dynamic axis but ``batch``.
    tolerance: largest absolute difference an exact export may show, per output.
    decides: the output whose argmax over the last axis is the answer, if there is one.
    module: the `torch.nn.Module` in eval mode; None when the graph was read back from an artifact.
    example: makes valid inputs for given axis sizes, ``example({"batch": 2, "sequence": 5})``.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    axes: Mapping[str, tuple[int, int]]
    tolerance: Mapping[str, float]
    decides: str | None = None
    module: Any = None
    example: Callable[[Mapping[str, int]], Tensors] | None = None

    def traced_with(self) -> Tensors:
        """Inputs for exporters that trace: no size is 0 or 1, which tracers take for constants."""
        assert self.example is not None, f"graph {self.name} has no example"
        return self.example({"batch": 3, **{axis: min(9, largest) for axis, (_, largest) in self.axes.items()}})


@dataclass(frozen=True)
class Call:
    """A codec asks for one run of a graph. Every feed has a batch axis; the runtime joins calls of many requests."""

    graph: str
    feeds: Tensors


@dataclass(frozen=True)
class Event:
    """Something a codec says on the way to its response, such as a generated token."""

    data: Response


Steps = Generator[Call | Event, Tensors, Response]


class Codec(Protocol):
    """Turns a request into calls and their outputs into a response, with numpy and tokenizers only.

    It is built from its settings (plain data in the manifest) and the folder that holds its resources.
    """

    version: int  # raised when artifacts sealed before can no longer be read

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None: ...

    def parse(self, request: Any) -> Request:
        """A request as a person writes it (a string, a row of a file) -> its fields. Raises InputError."""
        ...

    def start(self, request: Request) -> Steps:
        """Yields `Call` and is sent its outputs, may yield `Event`, returns the response."""
        ...

    def flatten(self, response: Response) -> dict[str, str]:
        """The response as columns of a CSV file."""
        ...

    @staticmethod
    def odd_requests() -> list[Request]:
        """Requests at the edges: empty, shortest, longer than the limit, unusual characters."""
        ...


class Backend(Protocol):
    """Runs graphs by name on numpy arrays."""

    def run(self, graph: str, feeds: Tensors) -> Tensors: ...


@dataclass(frozen=True)
class Check:
    """An independent reference for part of the codec, such as transformers' own tokenizer.

    run: takes the codec and requests, returns the requests on which they disagree, each as one line.
    """

    name: str
    run: Callable[[Any, Sequence[Request]], list[str]]


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate.

    settings: what its codec needs, as plain data.
    predict: answers requests directly, for candidates that have no graphs.
    write_resources: puts the codec's files (a tokenizer) into a folder.
    save: writes the model in its library's own format, for people who go on in Python.
    facts: what the manifest should say about it (backbone, licence, temperature, parameters), as plain data.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    graphs: Sequence[Graph] = ()
    predict: Callable[[Sequence[Request]], list[Response]] | None = None
    write_resources: Callable[[Path], None] | None = None
    save: Callable[[Path], None] | None = None
    checks: Sequence[Check] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    baseline: always fitted and shown beside the model.
    """

    name: str
    fit: str
    options: type = NoOptions
    check: str | None = None
    baseline: bool = False


@dataclass(frozen=True)
class Task:
    """A kind of problem.

    options: dataclass that types the recipe's `task:` section.
    data: ``"module:function"``, called with `Splits` and the options, returns `TaskData`. Raises InputError.
    evaluate: ``"module:function"``, called with responses, the `Table` they answer, and the facts of the candidate;
        returns an `Evaluation`.
    codec: ``"module:class"``, a `Codec`.
    candidates: exactly one that is not a baseline.
    """

    name: str
    columns: tuple[Column, ...]
    metric: Metric
    data: str
    evaluate: str
    codec: str
    candidates: tuple[Candidate, ...]
    options: type = NoOptions

    @property
    def model(self) -> Candidate:
        """The candidate that a recipe trains and ships."""
        return next(candidate for candidate in self.candidates if not candidate.baseline)

    def requests(self, table: Table) -> list[Request]:
        """The rows of a table as requests: every column but the targets."""
        roles = [column.role for column in self.columns if not column.target]
        return [dict(zip(roles, values, strict=True)) for values in zip(*(table.columns[r] for r in roles), strict=True)]


@dataclass(frozen=True)
class Variant:
    """The files of one export: graph name -> path. `facts`: opset, what was quantized, how.

    name, format: those of the exporter; the framework fills them in.
    """

    files: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    format: str = ""


@dataclass(frozen=True)
class Exporter:
    """Writes graphs to files.

    export: ``"module:function"``, called with the graphs, an empty folder, the options and the files of `base`
        ({graph name: path}, empty without a base); writes into the folder and returns a `Variant` whose paths are
        relative to it.
    open: ``"module:function"``, called with the graphs and {graph name: path}; returns a `Backend` that runs the files.
    format: of the files. "onnx" is what the runtime opens without torch; an artifact holds at least one such variant.
    base: the exporter whose files this one starts from.
    exact: its outputs equal the model's within tolerance or the run fails. Otherwise it is lossy: it ships only when
        the task's metric on validation drops by at most its option ``max_drop``.
    """

    name: str
    export: str
    open: str
    format: str
    options: type = NoOptions
    base: str | None = None
    exact: bool = True
