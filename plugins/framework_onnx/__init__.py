"""ONNX files: exact in fp32, and in INT8 as far as the metric allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from framework import Exporter, hookimpl


@dataclass
class Onnx:
    """Options of `export: onnx`."""

    opset: int = 20


CANDIDATES = (
    "static tensor int8",
    "static channel int8",
    "dynamic tensor int8",
    "dynamic channel int8",
    "static channel uint8",
    "dynamic channel uint8",
    "static channel uint8 without 10%",
    "dynamic channel uint8 without 10%",
    "dynamic channel uint8 without 25%",
    "dynamic channel uint8 without 50%",
)


@dataclass
class OnnxInt8:
    """Options of `export: onnx_int8`.

    candidates: tried in this order, ``METHOD GRANULARITY WEIGHTS [without N%]``. static: the range of activations is
        measured once, on training rows; dynamic: in every run. tensor, channel: one scale for a weight matrix, or one a
        column. int8: 7 bits, the fastest on CPUs without VNNI; uint8: 8 bits. without: the share of products, the most
        sensitive first, kept in fp32.
    """

    max_drop: float = 0.005  # of the task's metric on validation
    max_loss_rise: float = 0.02  # of the loss on validation, as a share, where the task names one
    candidates: list[str] = field(default_factory=lambda: list(CANDIDATES))


@hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    run = "framework.runtime.onnx:open_onnx"
    register(Exporter("onnx", "framework_onnx.export:export", run, "onnx", Onnx))
    int8 = Exporter("onnx_int8", "framework_onnx.search:candidates", run, "onnx", OnnxInt8, base="onnx", exact=False,
                    check="framework_onnx.accepts:problems")  # fmt: skip
    register(int8)
