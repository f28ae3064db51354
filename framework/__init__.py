"""Turns labelled data into a sealed, proven model. These are the names that plugins and programs may import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.charts import Bars, Lines, Series
from framework.contracts import (
    AS_WRITTEN,
    NAMES_AS_WRITTEN,
    Candidate,
    Evaluation,
    Exporter,
    FitContext,
    Fitted,
    Metric,
    NoOptions,
    Problem,
    Section,
    Task,
    Variant,
)
from framework.data.needs import Column, Shares, SideTable
from framework.data.table import Splits, Table
from framework.errors import FrameworkError, InputError, nearest
from framework.graphs import (
    Backend,
    Call,
    Check,
    Codec,
    Event,
    Graph,
    Interface,
    Reference,
    Request,
    Response,
    State,
    Steps,
    Tensor,
    Tensors,
)
from framework.hookspecs import hookimpl
from framework.memory import available_memory
from framework.privacy import Text, mask
from framework.trackers import TrackedRun, Tracker

if TYPE_CHECKING:
    from framework.api import load, run
    from framework.data.batches import LengthBucketSampler
    from framework.data.codes import coded, codes, numbers
    from framework.data.sources import locate
    from framework.modules import ModuleBackend
    from framework.pace import rows_per_second
    from framework.runs import read_shares
    from framework.schedule import Schedule
    from framework.training import train

_LAZY = {
    "run": "framework.api",
    "load": "framework.api",
    "locate": "framework.data.sources",
    "train": "framework.training",
    "rows_per_second": "framework.pace",
    "Schedule": "framework.schedule",
    "read_shares": "framework.runs",
    "LengthBucketSampler": "framework.data.batches",
    "coded": "framework.data.codes",
    "codes": "framework.data.codes",
    "numbers": "framework.data.codes",
    "ModuleBackend": "framework.modules",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'framework' has no attribute {name!r}")


__all__ = [
    "AS_WRITTEN",
    "NAMES_AS_WRITTEN",
    "Backend",
    "Bars",
    "Call",
    "Candidate",
    "Check",
    "Codec",
    "Column",
    "Evaluation",
    "Event",
    "Exporter",
    "FitContext",
    "Fitted",
    "FrameworkError",
    "Graph",
    "InputError",
    "Interface",
    "LengthBucketSampler",
    "Lines",
    "Metric",
    "ModuleBackend",
    "NoOptions",
    "Problem",
    "Reference",
    "Request",
    "Response",
    "Schedule",
    "Section",
    "Series",
    "Shares",
    "SideTable",
    "Splits",
    "State",
    "Steps",
    "Table",
    "Task",
    "Tensor",
    "Tensors",
    "Text",
    "TrackedRun",
    "Tracker",
    "Variant",
    "available_memory",
    "coded",
    "codes",
    "hookimpl",
    "load",
    "locate",
    "mask",
    "nearest",
    "numbers",
    "read_shares",
    "rows_per_second",
    "run",
    "train",
]
