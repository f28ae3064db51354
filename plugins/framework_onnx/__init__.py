"""ONNX files: exact in fp32, and in INT8 or with weights of few bits as far as the metric allows."""

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
    must_help: bool = True  # it ships only where it is clearly smaller or faster than the exact file
    candidates: list[str] = field(default_factory=lambda: list(CANDIDATES))


BITS = ("int4 block 32", "int4 block 32 head int8", "int8 block 64", "int8 block 32")


@dataclass
class OnnxInt4:
    """Options of `export: onnx_int4`.

    Weights are rounded, in blocks, and nothing else: no rows are needed, and graphs with a cache can be rounded too.

    candidates: tried in this order, ``WEIGHTS block SIZE [head WEIGHTS]``. int4, int8: bits of a weight. block: so many
        share a scale; a power of two from 16 to 256. head: of the output projection and the embedding, unless they are as
        the others; fp32 leaves them.
    """

    max_drop: float = 0.005  # of the task's metric on validation
    max_loss_rise: float = 0.02  # of the loss on validation, as a share, where the task names one
    must_help: bool = True  # it ships only where it is clearly smaller or faster than the exact file
    candidates: list[str] = field(default_factory=lambda: list(BITS))


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
