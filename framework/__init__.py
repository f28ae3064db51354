"""Turns labelled data into a sealed ONNX model with its proof. Plugins and programs import the names in `__all__`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.contracts.backbone import BackboneSource
from framework.contracts.candidate import Budget, Candidate, FitContext, Fitted, read_fitted, write_fitted
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
from framework.contracts.contributions import Contributions
from framework.contracts.data.cells import Cell, labels_in, parse_cell
from framework.contracts.data.columns import Column, Prefix, Shares, SideTable
from framework.contracts.data.format import Block, Claim, Format, Quote, ReadOptions, Sniffed, Sure
from framework.contracts.data.table import Row, Splits, Table
from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.facts import ModelFacts, TrainingFacts
from framework.contracts.graph import Backend, Graph, Json, Request, Response, State, Tensor, Tensors
from framework.contracts.message import Message, joined, listed, message, messages
from framework.contracts.options import AS_WRITTEN, NAMES_AS_WRITTEN, REPEATS, TIME_LIMIT, NoOptions
from framework.contracts.section import Bars, CsvFile, Inspection, Lines, Problem, Section, Series
from framework.contracts.serving.drawing import Drawing, DrawnFields, DrawnLabel, DrawnLabels, DrawnRanking, DrawnSpans
from framework.contracts.serving.openapi import (
    ADMIN_STATUSES,
    STATUSES,
    OpenApiPart,
    Schema,
    model_parameter,
    operation,
    reference,
    refusals,
)
from framework.contracts.serving.replies import Answer, Limits, RefusedError, Reply, Stream
from framework.contracts.serving.surface import Exchange, Operation, Page, Route, Running, ServedModel, Surface
from framework.contracts.space import Choice, Dimension, Range, Space
from framework.contracts.task import Answers, Decomposes, FileSample, Finalizes, Refits, Say, SplitsItself, Task
from framework.contracts.tracker import TrackedRun, Tracker
from framework.errors import FrameworkError, InputError, nearest, some
from framework.hookspecs import hookimpl
from framework.machine.memory import available_memory
from framework.report.privacy import Text, mask

if TYPE_CHECKING:
    from framework.artifact.registry import Registry
    from framework.data.by_length import batches_by_length
    from framework.data.encoding import coded, codes, numbers
    from framework.data.formats.arrow_csv import plain_lines
    from framework.data.formats.delimited import Delimited
    from framework.data.formats.sniffing import sniff
    from framework.data.sources import locate
    from framework.evaluation.comparison.compare import compare
    from framework.evaluation.comparison.result import Comparison
    from framework.evaluation.evaluate import EvaluatedArtifact, evaluate
    from framework.evaluation.module_backend import ModuleBackend
    from framework.plugins import backbone_source
    from framework.run.api import auto, load, run_recipe
    from framework.training.batches import LengthBucketSampler
    from framework.training.records import read_shares
    from framework.training.schedule import Schedule
    from framework.training.throughput import rows_per_second
    from framework.training.trainer import train

_LAZY = {
    "auto": "framework.run.api",
    "run_recipe": "framework.run.api",
    "load": "framework.run.api",
    "evaluate": "framework.evaluation.evaluate",
    "EvaluatedArtifact": "framework.evaluation.evaluate",
    "compare": "framework.evaluation.comparison.compare",
    "Comparison": "framework.evaluation.comparison.result",
    "Registry": "framework.artifact.registry",
    "locate": "framework.data.sources",
    "Delimited": "framework.data.formats.delimited",
    "plain_lines": "framework.data.formats.arrow_csv",
    "sniff": "framework.data.formats.sniffing",
    "batches_by_length": "framework.data.by_length",
    "train": "framework.training.trainer",
    "rows_per_second": "framework.training.throughput",
    "Schedule": "framework.training.schedule",
    "read_shares": "framework.training.records",
    "LengthBucketSampler": "framework.training.batches",
    "coded": "framework.data.encoding",
    "codes": "framework.data.encoding",
    "numbers": "framework.data.encoding",
    "ModuleBackend": "framework.evaluation.module_backend",
    "backbone_source": "framework.plugins",
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
    "REPEATS",
    "STATUSES",
    "TIME_LIMIT",
    "Answer",
    "Answers",
    "BackboneSource",
    "Backend",
    "Bars",
    "Block",
    "Budget",
    "Call",
    "Candidate",
    "Cell",
    "Check",
    "Choice",
    "Claim",
    "Codec",
    "CodecSpec",
    "Column",
    "Comparison",
    "Contributions",
    "ConversationTurn",
    "Converses",
    "CsvFile",
    "Decomposes",
    "Delimited",
    "Dimension",
    "Drawing",
    "DrawnFields",
    "DrawnLabel",
    "DrawnLabels",
    "DrawnRanking",
    "DrawnSpans",
    "EvaluatedArtifact",
    "Evaluation",
    "Event",
    "Exchange",
    "Exporter",
    "FileSample",
    "Finalizes",
    "FitContext",
    "Fitted",
    "Format",
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
    "Message",
    "Metric",
    "ModelFacts",
    "ModuleBackend",
    "NoOptions",
    "OpenApiPart",
    "Operation",
    "Page",
    "Prefix",
    "Problem",
    "Quote",
    "Range",
    "ReadOptions",
    "Reference",
    "Refits",
    "RefusedError",
    "Registry",
    "Reply",
    "Request",
    "Response",
    "Route",
    "Row",
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
    "Sniffed",
    "Space",
    "Splits",
    "SplitsItself",
    "State",
    "Steps",
    "Stream",
    "Sure",
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
    "auto",
    "available_memory",
    "backbone_source",
    "batches_by_length",
    "coded",
    "codes",
    "compare",
    "evaluate",
    "hookimpl",
    "joined",
    "labels_in",
    "listed",
    "load",
    "locate",
    "mask",
    "message",
    "messages",
    "model_parameter",
    "nearest",
    "numbers",
    "operation",
    "parse_cell",
    "plain_lines",
    "read_fitted",
    "read_shares",
    "reference",
    "refusals",
    "rows_per_second",
    "run_recipe",
    "sniff",
    "some",
    "train",
    "write_fitted",
]
