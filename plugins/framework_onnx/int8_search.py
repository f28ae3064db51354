"""INT8 candidates in a fixed order, from the most to the least aggressive; the framework ships the first that passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import onnx

from framework import Graph, Tensors, Variant
from framework_onnx import OnnxInt8
from framework_onnx.calibration import by_sensitivity, ranges
from framework_onnx.int8_rewrite import Scheme, can_change, in_integers, products

Calibration = Mapping[str, Sequence[Tensors]]


def candidates(
    graphs: Sequence[Graph], folder: Path, options: OnnxInt8, base: Mapping[str, Path], calibration: Calibration
) -> Iterator[Variant]:
    """Writes a candidate each time one is asked for, into `folder`, over the one before; none where nothing can be in integers.

    A graph that no calibration row asked stays as it is: the gate would say nothing of it.
    """
    sources = [_Source(graph, base[graph.name], calibration[graph.name]) for graph in graphs]
    for name in options.candidates if any(source.changes for source in sources) else ():
        for source in sources:
            onnx.save(source.quantized(name), folder / source.file)
        yield Variant({source.graph.name: source.file for source in sources}, name)


@dataclass(frozen=True)
class _Source:
    """An fp32 file and what the candidates need to know of it, found out when the first of them asks."""

    graph: Graph
    path: Path
    feeds: Sequence[Tensors]

    @property
    def changes(self) -> bool:
        return bool(self.feeds) and can_change(onnx.load(self.path))

    @property
    def file(self) -> str:
        return f"{self.graph.name}.onnx"

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return ranges(self.path, self.feeds)

    @cached_property
    def by_sensitivity(self) -> list[str]:
        return by_sensitivity(self.path, self.feeds, Scheme())

    def quantized(self, name: str) -> onnx.ModelProto:
        model = onnx.load(self.path)
        if not self.changes:
            return model
        method, granularity, weights, share = parse(name)
        scheme = Scheme(granularity == "channel", weights == "int8", self.ranges if method == "static" else None)
        if share:
            count = max(1, round(share * len(products(model))))
            scheme = replace(scheme, excluded=self.by_sensitivity[:count])
        return in_integers(model, scheme)


def parse(name: str) -> tuple[str, str, str, float]:
    """``"static channel int8 without 25%"`` -> method, granularity, kind of weights, share of the products left in fp32."""
    method, granularity, weights, *rest = name.split()
    return method, granularity, weights, float(rest[1].rstrip("%")) / 100 if rest else 0.0
