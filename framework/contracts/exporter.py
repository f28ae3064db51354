"""What writes graphs to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framework.contracts.options import NoOptions


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
