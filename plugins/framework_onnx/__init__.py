"""ONNX files: exact in fp32, and dynamically quantized to INT8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from framework import Exporter, hookimpl


@dataclass
class Onnx:
    """Options of `export: onnx`."""

    opset: int = 20


@dataclass
class OnnxInt8:
    """Options of `export: onnx_int8`."""

    max_drop: float = 0.005  # of the task's metric on validation; a larger drop and the file does not ship
    per_channel: bool = True
    reduce_range: bool = True  # 7-bit weights: CPUs without VNNI would overflow on 8 and answer differently


@hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    run = "framework.runtime.onnx:open_onnx"
    register(Exporter("onnx", "framework_onnx.export:export", run, "onnx", Onnx))
    register(Exporter("onnx_int8", "framework_onnx.export:quantize", run, "onnx", OnnxInt8, base="onnx", exact=False))
