"""Turns labelled data into a sealed, proven model. These are the names that plugins and programs may import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.contracts.candidate import Budget, Candidate, FitContext, Fitted, read_fitted, write_fitted
from framework.contracts.cells import Cell, parse_cell
from framework.contracts.codec import (
    Call,
    Check,
    Codec,
    CodecSpec,
    ConversationTurn,
    Converses,
    Event,
    Growing,
    Interface,
    Reference,
    Scores,
    Settings,
    Steps,
)
from framework.contracts.columns import Column, Shares, SideTable
from framework.contracts.drawing import Drawing, DrawnFields, DrawnLabel, DrawnRanking, DrawnSpans
from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.facts import ModelFacts, TrainingFacts
from framework.contracts.graph import Backend, Graph, Json, Request, Response, State, Tensor, Tensors
from framework.contracts.openapi import (
    ADMIN_STATUSES,
    STATUSES,
    OpenApiPart,
    Schema,
    model_parameter,
    operation,
    reference,
    refusals,
)
from framework.contracts.options import AS_WRITTEN, NAMES_AS_WRITTEN, NoOptions
from framework.contracts.replies import Answer, Limits, RefusedError, Reply, Stream
from framework.contracts.section import Bars, Inspection, Lines, Problem, Section, Series
from framework.contracts.surface import Exchange, Operation, Page, Route, Running, ServedModel, Surface
from framework.contracts.table import Splits, Table
from framework.contracts.task import Answers, Finalizes, Refits, Say, SplitsItself, Task
from framework.contracts.tracker import TrackedRun, Tracker
from framework.errors import FrameworkError, InputError, nearest, some
from framework.hookspecs import hookimpl
from framework.machine.memory import available_memory
from framework.report.privacy import Text, mask

if TYPE_CHECKING:
    from framework.data.encoding import coded, codes, numbers
    from framework.data.sources import locate
    from framework.evaluation.module_backend import ModuleBackend
    from framework.run.api import load, run_recipe
    from framework.training.batches import LengthBucketSampler
    from framework.training.records import read_shares
    from framework.training.schedule import Schedule
    from framework.training.throughput import rows_per_second
    from framework.training.trainer import train

_LAZY = {
    "run_recipe": "framework.run.api",
    "load": "framework.run.api",
    "locate": "framework.data.sources",
    "train": "framework.training.trainer",
    "rows_per_second": "framework.training.throughput",
    "Schedule": "framework.training.schedule",
    "read_shares": "framework.training.records",
    "LengthBucketSampler": "framework.training.batches",
    "coded": "framework.data.encoding",
    "codes": "framework.data.encoding",
    "numbers": "framework.data.encoding",
    "ModuleBackend": "framework.evaluation.module_backend",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'framework' has no attribute {name!r}")


__all__ = [
    "ADMIN_STATUSES",
    "AS_WRITTEN",
    "NAMES_AS_WRITTEN",
    "STATUSES",
    "Answer",
    "Answers",
    "Backend",
    "Bars",
    "Budget",
    "Call",
    "Candidate",
    "Cell",
    "Check",
    "Codec",
    "CodecSpec",
    "Column",
    "ConversationTurn",
    "Converses",
    "Drawing",
    "DrawnFields",
    "DrawnLabel",
    "DrawnRanking",
    "DrawnSpans",
    "Evaluation",
    "Event",
    "Exchange",
    "Exporter",
    "Finalizes",
    "FitContext",
    "Fitted",
    "FrameworkError",
    "Graph",
    "Growing",
    "InputError",
    "Inspection",
    "Interface",
    "Json",
    "LengthBucketSampler",
    "Limits",
    "Lines",
    "Metric",
    "ModelFacts",
    "ModuleBackend",
    "NoOptions",
    "OpenApiPart",
    "Operation",
    "Page",
    "Problem",
    "Reference",
    "Refits",
    "RefusedError",
    "Reply",
    "Request",
    "Response",
    "Route",
    "Running",
    "Say",
    "Schedule",
    "Schema",
    "Scores",
    "Section",
    "Series",
    "ServedModel",
    "Settings",
    "Shares",
    "SideTable",
    "Splits",
    "SplitsItself",
    "State",
    "Steps",
    "Stream",
    "Surface",
    "Table",
    "Task",
    "Tensor",
    "Tensors",
    "Text",
    "TrackedRun",
    "Tracker",
    "TrainingFacts",
    "Variant",
    "available_memory",
    "coded",
    "codes",
    "hookimpl",
    "load",
    "locate",
    "mask",
    "model_parameter",
    "nearest",
    "numbers",
    "operation",
    "parse_cell",
    "read_fitted",
    "read_shares",
    "reference",
    "refusals",
    "rows_per_second",
    "run_recipe",
    "some",
    "train",
    "write_fitted",
]
