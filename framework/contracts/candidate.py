"""A way to solve a task: what it is fitted with, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.contracts.codec import Check, Reference
from framework.contracts.evaluation import Metric
from framework.contracts.graph import Graph, Request, Response, Tensors
from framework.contracts.section import Section


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
