"""The contract of an exporter, which writes graphs to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.contracts.codec import Settings
from framework.contracts.facts import VariantFacts
from framework.contracts.options import NoOptions


@dataclass(frozen=True)
class Variant:
    """The files that an exporter wrote of the graphs of a candidate."""

    files: Mapping[str, str]
    """Path by graph name."""
    precision: str
    """``fp32``, or the quantization; it tells the attempts of a lossy exporter apart."""
    facts: VariantFacts = field(default_factory=dict)
    """Facts to show, such as the opset, versions, or what was quantized."""
    settings: Settings = field(default_factory=dict)
    """Codec settings that differ for this variant."""
    name: str = ""
    """The exporter's name; the framework fills it in."""
    format: str = ""
    """The exporter's format; the framework fills it in."""


@dataclass(frozen=True)
class Exporter:
    """Writes graphs to files, and opens these files to run them."""

    name: str
    """The NAME of ``export=[NAME]`` and of the variant."""
    export: str
    """``"module:function"``, called with the graphs, an empty folder, the options and the files of `base` ({graph name: path},
    empty without a base). It writes into the folder and returns a `Variant` whose paths are relative to the folder.

    The function of a lossy exporter is a generator: it yields a `Variant` for each attempt, from the most to the least
    aggressive, each written over the one before, until one passes the gate. If it `calibrates`, it is also called with
    calibration feeds, {graph name: a list of inputs made from training rows}.
    """
    open: str
    """``"module:function"``, called with the graphs and {graph name: path}; returns a `Backend` that runs the files."""
    format: str
    """Format of the files. The runtime opens "onnx" without torch; an artifact holds at least one such variant."""
    options: type = NoOptions
    """Dataclass that types the recipe's section ``export.NAME``. A lossy exporter's has the bounds of the gate: ``max_drop`` of
    the metric, ``max_loss_rise``, a share of the loss, and ``must_help``."""
    base: str | None = None
    """The exporter whose files this one starts from."""
    exact: bool = True
    """Whether outputs must equal the module's within tolerance, or the run fails. Otherwise the exporter is lossy, and the
    first attempt ships that passes the gate on validation: the metric drops by at most ``max_drop``, the task's loss, if it has
    one, rises by at most ``max_loss_rise``, and with ``must_help`` the files are clearly smaller or faster than those of
    `base`."""
    takes_files: bool = False
    """Whether it also exports graphs whose source is an ONNX file."""
    calibrates: bool = True
    """Whether a lossy exporter needs calibration feeds; it is refused for graphs with state, which have none."""
    check: str | None = None
    """``"module:function"``, called with the options when the recipe is composed; returns a list of problems."""
