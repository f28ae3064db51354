"""The contract of a candidate, a way to solve a task: `fit` writes a folder, and `open` reads the model back from it."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np

from framework.contracts.codec import Check, CodecSpec, Reference
from framework.contracts.evaluation import Metric
from framework.contracts.facts import ModelFacts, TrainingFacts
from framework.contracts.graph import Graph, Request, Tensors
from framework.contracts.options import NoOptions
from framework.contracts.plain import revived, to_plain, with_template
from framework.contracts.section import Inspection, Section
from framework.contracts.space import Space
from framework.contracts.tracker import TrainingLog
from framework.machine.interrupts import Stop

RESOURCES = "resources"  # folder of the codec's files, in the fitted folder and in the artifact

TaskOptions = TypeVar("TaskOptions")
Data = TypeVar("Data")
Options = TypeVar("Options")


@dataclass(frozen=True)
class Budget:
    """A limit of wall-clock time for a run or one of its fits."""

    seconds: float | None = None
    """The limit; None: no limit."""
    started: float = field(default_factory=time.monotonic)
    """When this budget began, by `time.monotonic`."""
    spent: float = 0.0
    """Seconds that earlier processes of the same run used; 0 in a share."""
    answers: int = 0
    """Rows that stages after the fit answer with the candidate, for which no time is kept but `beyond`: the run does not know
    yet how fast it answers. A `Candidate.bounded` fit measures that, and leaves the time."""
    beyond: float = 0.0
    """Seconds after the limit that may be used for `answers`."""
    stop: Stop = field(default_factory=Stop, compare=False)
    """Shared by all budgets of a run: no time remains once the user asked the run to stop."""

    def elapsed(self) -> float:
        """Seconds used so far, those of earlier processes included."""
        return self.spent + time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds until the limit, at least 0; infinite without a limit."""
        if self.stop.asked:
            return 0.0
        return float("inf") if self.seconds is None else max(0.0, self.seconds - self.elapsed())

    def share(self, part: float) -> Budget:
        """A new budget that begins now: `part`, from 0 to 1, of the remaining seconds; without a limit if this one has none."""
        return Budget(None if self.seconds is None else part * self.remaining(), stop=self.stop)

    def without(self, seconds: float) -> Budget:
        """The budget with its limit lowered by `seconds`, at most to 0."""
        return self if self.seconds is None else replace(self, seconds=max(0.0, self.seconds - seconds))


@dataclass(frozen=True)
class FitContext(Generic[TaskOptions, Options]):
    """Settings and folders of a fit, beside the data. The data of a fit hold no test row."""

    task: TaskOptions
    """Options of the task."""
    options: Options
    """Options of the candidate."""
    metric: Metric
    """The metric that ranks candidates, and epochs during training."""
    seed: int
    folder: Path
    """The trial's folder, for checkpoints and logs: its files stay when the process ends."""
    output: Path
    """An empty folder that `fit` fills; see `write_fitted`. It becomes the fitted folder when `fit` returns."""
    show: Callable[[Section], None]
    """Prints a section and adds it to the report."""
    progress: Callable[[str], None] = field(default=lambda text: None)
    """Says how far the fit is, in a few words such as "epoch 2", on a terminal's live line."""
    budget: Budget = field(default_factory=Budget)
    """The time that this fit may take."""
    trainer: Mapping[str, object] = field(default_factory=dict)
    """Keyword arguments of `pytorch_lightning.Trainer`."""
    competing: Sequence[str] = ()
    """Names of the candidates that compete in this run, this one among them unless it is a baseline only."""
    resume: Path | None = None
    """A checkpoint to resume training from; None: start anew. `framework.train` resumes from it, and trains nothing
    if the training had ended."""
    begin: Path | None = None
    """The fitted folder of an earlier fit of this candidate, whose weights the fit begins with; None: it begins anew. Only
    candidates whose `Space.onward` is not empty get one."""
    beside: Path | None = None
    """The fitted folder of the best earlier fit of this candidate in a search; None: there is none. The fit may take the mean
    of its weights and its own where that is better on validation, and says so by a larger `ModelFacts.networks` than there."""
    logs: Sequence[TrainingLog] = ()
    """The recipe's trackers, which `framework.train` logs to beside the CSV log."""


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate, as `Candidate.open` reads it from the fitted folder."""

    codec: CodecSpec
    graphs: tuple[Graph, ...] = ()
    """Empty: the codec answers without graphs, from its settings and resources."""
    tables: Tensors = field(default_factory=dict)
    """The arrays of `Graph.tables` by name, the same for every request."""
    held_out_tables: Tensors = field(default_factory=dict)
    """Arrays in place of those of `tables`, by which the model is judged on the validation rows where it learned from them
    afterwards; of the same names, shapes and types."""
    facts: ModelFacts = field(default_factory=ModelFacts)
    features: str | None = None
    """``GRAPH.OUTPUT`` of the output that holds a feature vector of each request; None: there is none."""
    checks: Sequence[Check] = ()
    """Independent references for parts of the codec, such as the tokenizer of transformers."""
    references: Callable[[Sequence[Request]], list[Reference]] | None = None
    """Pairs validation requests with the answers of an independent implementation, such as `generate` of transformers, with
    which those of the exported files are compared; None: there is no such implementation."""
    held_out: Callable[[Tensors], Tensors] | None = None
    """Turns the outputs of a run of a graph into those of the model before it learned from the validation rows, by which it is
    judged on these rows; None: it has not learned from them."""
    save: Callable[[Path], None] | None = None
    """Writes the model into a folder in the format of its library, such as that of ``save_pretrained``, for further work in
    Python; None: it has no such format."""


Role = Literal["model", "baseline"]


class Candidate(ABC, Generic[TaskOptions, Data, Options]):
    """A way to solve a task. Composing a recipe imports this class, so its module must import torch and other slow libraries
    in methods.

    A run fits the candidates that its recipe names, which compete, and the baselines. The competing candidate that is best on
    validation ships.
    """

    name: ClassVar[str]
    """The NAME of ``candidates=[NAME]``, ``candidates.NAME.KEY=`` and the folder ``trials/NAME``."""
    title: ClassVar[str]
    """The name that the console and the report show."""
    options: ClassVar[type] = NoOptions
    """Dataclass that types the section ``candidates.NAME``. A field whose default is ``${SECTION}`` is shared: the recipe has
    a section of that name and of the field's type."""
    role: ClassVar[Role] = "model"
    """A baseline is fitted and judged in every run of the task, whether it competes or not. In ``recipe=auto`` one that is
    `bounded` competes."""
    stateful: ClassVar[bool] = False
    """Whether its graphs have state, such as the key-value cache of a decoder."""
    bounded: ClassVar[bool] = False
    """Whether a fit reads each row about once, however much time it gets. Of a short budget it then gets a minute before the
    others share, and it leaves time for `Budget.answers`."""

    fit_modules: ClassVar[Sequence[str]] = ()
    """Modules that its fit imports. In a run with a budget, once another candidate could ship, the fit has a process of its
    own, which imports them while others are fitted: its memory ends with it, and where it fails or is killed the run goes on.
    Empty: it is fitted in the process of the run."""

    def problems(self, task: TaskOptions, options: Options) -> list[str]:
        """Problems of the recipe's options, a sentence each, reported when the recipe is composed."""
        return []

    def refuses(self, data: Data, task: TaskOptions, options: Options, trainer: Mapping[str, object]) -> list[str]:
        """Reasons why a fit on this data and machine must fail, a sentence each, reported before any fit and by `check`.

        trainer: see `FitContext.trainer`.
        """
        return []

    def inspect(self, data: Data, task: TaskOptions, options: Options) -> Inspection:
        """Sections for the verb `check`: rows as the model will see them, memory, estimated time. Must not import torch."""
        return Inspection()

    def space(self, data: Data, task: TaskOptions, options: Options, trainer: Mapping[str, object]) -> Space:
        """What a search may vary, where the run has time for more than one fit. Must not import torch.

        trainer: see `FitContext.trainer`.
        """
        return Space()

    @abstractmethod
    def fit(self, data: Data, context: FitContext[TaskOptions, Options]) -> None:
        """Fits the model and writes it into ``context.output``. Raises InputError for data that no model can be fitted on."""

    @abstractmethod
    def open(self, folder: Path) -> Fitted:
        """Opens a folder that `fit` filled, in this process or another. The same folder always gives the same answers."""


FITTED = "fitted.json"
TABLES = "tables"  # folder in the resources
HELD_OUT = "held-out"  # folder beside the resources, which no artifact gets, with tables as these have them


def write_fitted(
    folder: Path,
    codec: CodecSpec,
    facts: ModelFacts | None = None,
    tables: Mapping[str, np.ndarray] | None = None,
    held_out_tables: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Writes codec, facts and tables for `read_fitted`. Returns the folder of the codec's resources, for the caller to fill.

    tables: the arrays of `Graph.tables` by name. held_out_tables: see `Fitted`. Raises ValueError for a held-out table that is
    not like the table of its name.
    """
    tables, held_out_tables = tables or {}, held_out_tables or {}
    for name, array in held_out_tables.items():
        if name not in tables or (array.shape, array.dtype) != (tables[name].shape, tables[name].dtype):
            raise ValueError(f"held_out_tables: {name!r} is not like the table of its name")
    resources = folder / RESOURCES
    resources.mkdir(exist_ok=True)
    content = to_plain({"codec": asdict(codec), "facts": asdict(facts or ModelFacts())}, with_template)
    (folder / FITTED).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    save_tables(tables, resources)
    save_tables(held_out_tables, folder / HELD_OUT)
    return resources


def read_fitted(folder: Path) -> Fitted:
    """Reads what `write_fitted` wrote. The result has no graphs; `Candidate.open` adds them."""
    content = json.loads((folder / FITTED).read_text(encoding="utf-8"), object_hook=revived)
    training = content["facts"].pop("training")
    facts = ModelFacts(**content["facts"], training=TrainingFacts(**training) if training else None)
    tables, held_out_tables = (load_tables(place) for place in (folder / RESOURCES, folder / HELD_OUT))
    return Fitted(CodecSpec(**content["codec"]), tables=tables, held_out_tables=held_out_tables, facts=facts)


def save_tables(tables: Mapping[str, np.ndarray], resources: Path) -> None:
    """Writes each array as ``tables/NAME.npy`` into the folder `resources`."""
    if tables:
        (resources / TABLES).mkdir(parents=True, exist_ok=True)
    for name, array in tables.items():
        np.save(resources / TABLES / f"{name}.npy", array, allow_pickle=False)


def load_tables(resources: Path) -> Tensors:
    """The arrays that `save_tables` wrote, by name; empty where there are none."""
    return {path.stem: np.load(path, allow_pickle=False) for path in sorted((resources / TABLES).glob("*.npy"))}
