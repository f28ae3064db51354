"""Exporters of ONNX files: exact ones in fp32, and lossy ones with INT8 products or with weights of 4 or 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from framework import Exporter, hookimpl


@dataclass
class Onnx:
    """Options of `export: onnx`."""

    opset: int = 20


CANDIDATES = (
    "static channel int8",
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
    """Options of `export: onnx_int8`."""

    max_drop: float = 0.005
    """Drop of the task's metric on validation, at most. Where a request has one answer out of several classes, five times as
    many answers may change."""
    max_loss_rise: float = 0.02
    """Rise of the task's loss on validation, at most, as a share of the loss; without effect where the task has no loss."""
    must_help: bool = True
    """Whether the file ships only where it is clearly smaller or faster than the exact file."""
    candidates: list[str] = field(default_factory=lambda: list(CANDIDATES))
    """The attempts, in the order in which they are made, each ``METHOD GRANULARITY WEIGHTS [without N%]``.

    static, dynamic: the range of activations is measured once, on training rows, or in every run. tensor, channel: one scale
    for a weight matrix, or one for each column. int8, uint8: weights of 7 bits, fastest on CPUs without VNNI, or of 8 bits.
    without: the share of products, the most sensitive first, that stay in fp32.
    """


BITS = ("int4 block 32", "int4 block 32 head int8", "int8 block 64", "int8 block 32")


@dataclass
class OnnxInt4:
    """Options of `export: onnx_int4`.

    Only weights are quantized, in blocks: no calibration rows are needed, and graphs with state can be quantized, too.
    """

    max_drop: float = 0.005
    """Drop of the task's metric on validation, at most. Where a request has one answer out of several classes, five times as
    many answers may change."""
    max_loss_rise: float = 0.02
    """Rise of the task's loss on validation, at most, as a share of the loss; without effect where the task has no loss."""
    must_help: bool = True
    """Whether the file ships only where it is clearly smaller or faster than the exact file."""
    candidates: list[str] = field(default_factory=lambda: list(BITS))
    """The attempts, in the order in which they are made, each ``WEIGHTS block SIZE [head WEIGHTS]``.

    int4, int8: bits of a weight. block: number of weights that share a scale, a power of two from 16 to 256. head: weights of
    the output projection and the embedding, where they differ from the others; fp32 leaves them unquantized.
    """


@hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    run = "framework.runtime.onnx:open_onnx"
    register(Exporter("onnx", "framework_onnx.export:export", run, "onnx", Onnx, takes_files=True))
    int8 = Exporter("onnx_int8", "framework_onnx.int8_search:candidates", run, "onnx", OnnxInt8, base="onnx", exact=False,
                    takes_files=True, check="framework_onnx.validation:problems")  # fmt: skip
    register(int8)
    int4 = Exporter("onnx_int4", "framework_onnx.int4_search:candidates", run, "onnx", OnnxInt4, base="onnx", exact=False,
                    calibrates=False, check="framework_onnx.validation:bits_problems")  # fmt: skip
    register(int4)
