"""What writes graphs to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.contracts.codec import Settings
from framework.contracts.facts import VariantFacts
from framework.contracts.options import NoOptions


@dataclass(frozen=True)
class Variant:
    """The files of one export."""

    files: Mapping[str, str]
    """Graph name -> path."""
    precision: str
    """fp32, or which quantization was chosen; it names the candidates of a lossy exporter."""
    facts: VariantFacts = field(default_factory=dict)
    """For people: opset, versions, what was quantized."""
    settings: Settings = field(default_factory=dict)
    """Those of the codec that are different for this variant."""
    name: str = ""
    """The exporter's; the framework fills it in."""
    format: str = ""
    """The exporter's; the framework fills it in."""


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
    takes_files: whether it also exports graphs whose source is a file that is ONNX already.
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
    takes_files: bool = False
    calibrates: bool = True
    check: str | None = None
