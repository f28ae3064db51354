"""INT8 attempts in the order of the options; the framework ships the first that passes the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import onnx

from framework import Graph, Tensors, Variant
from framework_onnx import OnnxInt8
from framework_onnx.beside import nodes_beside
from framework_onnx.calibration import by_sensitivity, ranges
from framework_onnx.int8_rewrite import Int8Scheme, is_quantizable, products, quantize_int8

Calibration = Mapping[str, Sequence[Tensors]]


def candidates(
    graphs: Sequence[Graph], folder: Path, options: OnnxInt8, base: Mapping[str, Path], calibration: Calibration
) -> Iterator[Variant]:
    """Writes one attempt after another into `folder`, each over the one before; none where no graph can be quantized.

    A graph without calibration feeds stays fp32, since validation rows would not show what quantization loses. base: the fp32
    files, by graph. calibration: calibration feeds, by graph.
    """
    sources = [_Source(graph, base[graph.name], calibration[graph.name]) for graph in graphs]
    for name in options.candidates if any(source.is_quantizable for source in sources) else ():
        for source in sources:
            onnx.save(source.quantize(name), folder / source.file)
        yield Variant({source.graph.name: source.file for source in sources}, name)


@dataclass(frozen=True)
class _Source:
    """The fp32 file of a graph, with its results of calibration, computed when an attempt first needs them."""

    graph: Graph
    path: Path
    feeds: Sequence[Tensors]

    @property
    def is_quantizable(self) -> bool:
        return bool(self.feeds) and is_quantizable(onnx.load(self.path), self.beside)

    @property
    def file(self) -> str:
        return f"{self.graph.name}.onnx"

    @cached_property
    def beside(self) -> frozenset[str]:
        return nodes_beside(onnx.load(self.path), self.graph)

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return ranges(self.path, self.feeds, self.beside)

    @cached_property
    def by_sensitivity(self) -> list[str]:
        outputs = [self.graph.decides] if self.graph.decides else [tensor.name for tensor in self.graph.outputs]
        return by_sensitivity(self.path, self.feeds, outputs, Int8Scheme(beside=self.beside))

    def quantize(self, name: str) -> onnx.ModelProto:
        """The quantized model of an attempt. name: an item of `OnnxInt8.candidates`."""
        model = onnx.load(self.path)
        if not self.is_quantizable:
            return model
        method, granularity, weights, share = parse(name)
        activations = self.ranges if method == "static" else None
        scheme = Int8Scheme(granularity == "channel", weights == "int8", activations, beside=self.beside)
        if share:
            count = max(1, round(share * len(products(model, self.beside))))
            scheme = replace(scheme, excluded=self.by_sensitivity[:count])
        return quantize_int8(model, scheme)


def parse(name: str) -> tuple[str, str, str, float]:
    """(method, granularity, weights, share of products in fp32) of a name such as ``static channel int8 without 25%``."""
    method, granularity, weights, *rest = name.split()
    return method, granularity, weights, float(rest[1].rstrip("%")) / 100 if rest else 0.0
