"""A way to solve a task: what it is fitted with, what it leaves in a folder, and what that folder holds when it is opened."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from framework.contracts.tracker import TrainingLog

RESOURCES = "resources"  # in the folder of a fitted candidate: the files of its codec, as they stand in an artifact

TaskOptions = TypeVar("TaskOptions")
Data = TypeVar("Data")
Options = TypeVar("Options")


@dataclass(frozen=True)
class Budget:
    """The wall clock that a run may use, and how much of it is gone."""

    seconds: float | None = None
    """Of the whole run; None: as long as it takes."""
    started: float = field(default_factory=time.monotonic)
    spent: float = 0.0
    """Seconds that earlier processes of the same run have used."""

    def elapsed(self) -> float:
        return self.spent + time.monotonic() - self.started

    def remaining(self) -> float:
        """Seconds; infinite without a limit, 0 when the time is up."""
        return float("inf") if self.seconds is None else max(0.0, self.seconds - self.elapsed())

    def share(self, part: float) -> Budget:
        """A budget of its own for a part of what remains, beginning at once. part: from 0 to 1."""
        return Budget() if self.seconds is None else Budget(part * self.remaining())


@dataclass(frozen=True)
class FitContext(Generic[TaskOptions, Options]):
    """What a candidate is fitted with, beside the data. The data hold no test row."""

    task: TaskOptions
    """Options of the task."""
    options: Options
    """Options of the candidate."""
    metric: Metric
    """Decides between candidates, and between epochs of a training."""
    seed: int
    folder: Path
    """Of the trial: checkpoints and logs stay here when the process ends."""
    output: Path
    """An empty folder that `fit` fills; see `write_fitted`. It becomes the fitted candidate when `fit` returns."""
    show: Callable[[Section], None]
    """Prints a section and puts it into the report."""
    budget: Budget = field(default_factory=Budget)
    """The time that this fit may take."""
    trainer: Mapping[str, object] = field(default_factory=dict)
    """Arguments of `pytorch_lightning.Trainer`, by their own names."""
    resume: Path | None = None
    """A checkpoint to go on from. `framework.train` does, and trains nothing where training had ended."""
    logs: Sequence[TrainingLog] = ()
    """The recipe's trackers, which `framework.train` logs to beside the CSV log."""


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate, opened from its folder."""

    codec: CodecSpec
    graphs: tuple[Graph, ...] = ()
    """None: the codec answers alone, from its settings and resources."""
    tables: Tensors = field(default_factory=dict)
    """Arrays that graphs take as `Graph.tables`, the same for every request."""
    facts: ModelFacts = field(default_factory=ModelFacts)
    features: str | None = None
    """``GRAPH.OUTPUT`` that holds a vector of each request, if there is one."""
    checks: Sequence[Check] = ()
    """Independent references for parts of the codec, such as transformers' own tokenizer."""
    references: Callable[[Sequence[Request]], list[Reference]] | None = None
    """Makes requests of validation requests, with the answers of an independent implementation, such as `generate`."""
    save: Callable[[Path], None] | None = None
    """Writes the model into a folder in its library's own format, for people who go on in Python."""


Role = Literal["model", "baseline"]


class Candidate(ABC, Generic[TaskOptions, Data, Options]):
    """A way to solve a task. Its module is imported to compose a recipe: torch and the like are imported within methods.

    A run fits every candidate that its recipe names, and the baselines. The best on validation ships, baselines among them
    where the recipe names them.
    """

    name: ClassVar[str]
    """In ``candidates=[NAME]`` and ``candidates.NAME.KEY=``; also the name of its folder."""
    title: ClassVar[str]
    """For people."""
    options: ClassVar[type] = NoOptions
    """Dataclass that types the section ``candidates.NAME``. A field whose default is ``${SECTION}`` is shared: the recipe has
    a section of that name and of the field's type."""
    role: ClassVar[Role] = "model"
    """A baseline is fitted and judged in every run of the task, whether it competes or not."""
    stateful: ClassVar[bool] = False
    """Whether its graphs have state, such as the cache of a decoder."""

    def problems(self, task: TaskOptions, options: Options) -> list[str]:
        """What is wrong with a recipe, told when it is composed."""
        return []

    def refuses(self, data: Data, task: TaskOptions, options: Options, trainer: Mapping[str, object]) -> list[str]:
        """What would stop the fit with this data on this machine, told before anything is fitted and by the verb `check`."""
        return []

    def inspect(self, data: Data, task: TaskOptions, options: Options) -> Inspection:
        """For the verb `check`: rows as the model will see them, memory, an estimate of the time. It imports no torch."""
        return Inspection()

    @abstractmethod
    def fit(self, data: Data, context: FitContext[TaskOptions, Options]) -> None:
        """Fills ``context.output``. Raises InputError for data that it cannot learn from."""

    @abstractmethod
    def open(self, folder: Path) -> Fitted:
        """What a folder holds that `fit` filled, in this process or another. The same folder gives the same answers."""


FITTED = "fitted.json"
TABLES = "tables"  # of the resources


def write_fitted(
    folder: Path, codec: CodecSpec, facts: ModelFacts | None = None, tables: Mapping[str, np.ndarray] | None = None
) -> Path:
    """Writes what `read_fitted` reads, and returns the folder of the codec's resources, which the caller fills.

    tables: arrays that graphs take as `Graph.tables`.
    """
    resources = folder / RESOURCES
    resources.mkdir(exist_ok=True)
    content = to_plain({"codec": asdict(codec), "facts": asdict(facts or ModelFacts())}, with_template)
    (folder / FITTED).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    save_tables(tables or {}, resources)
    return resources


def read_fitted(folder: Path) -> Fitted:
    """What `write_fitted` wrote: a candidate without graphs, to which `Candidate.open` adds its own."""
    content = json.loads((folder / FITTED).read_text(encoding="utf-8"), object_hook=revived)
    training = content["facts"].pop("training")
    facts = ModelFacts(**content["facts"], training=TrainingFacts(**training) if training else None)
    return Fitted(CodecSpec(**content["codec"]), tables=load_tables(folder / RESOURCES), facts=facts)


def save_tables(tables: Mapping[str, np.ndarray], resources: Path) -> None:
    """Each as ``tables/NAME.npy``."""
    if tables:
        (resources / TABLES).mkdir(exist_ok=True)
    for name, array in tables.items():
        np.save(resources / TABLES / f"{name}.npy", array, allow_pickle=False)


def load_tables(resources: Path) -> Tensors:
    return {path.stem: np.load(path, allow_pickle=False) for path in sorted((resources / TABLES).glob("*.npy"))}
