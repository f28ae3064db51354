"""Candidates whose weights have few bits, in a fixed order; the framework ships the first that passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx

from framework import Graph, Variant
from framework_onnx import OnnxInt4
from framework_onnx.export import INLINE
from framework_onnx.int4_rewrite import Blocks, Scheme, in_blocks


def candidates(graphs: Sequence[Graph], folder: Path, options: OnnxInt4, base: Mapping[str, Path]) -> Iterator[Variant]:
    """Writes a candidate each time one is asked for, into `folder`, over the one before."""
    files = {graph.name: f"{graph.name}.onnx" for graph in graphs}
    for name in options.candidates:
        for graph in graphs:
            model = in_blocks(onnx.load(base[graph.name]), parse(name), _vocabulary(graph))
            _write(model, folder / files[graph.name])
        yield Variant(files, name)


def parse(name: str) -> Scheme:
    """``"int4 block 32 head int8"`` -> how matrices are rounded."""
    kind, _, size, *rest = name.split()
    inner = Blocks(_bits(kind), int(size))
    outer = rest[1] if rest else kind
    return Scheme(inner, None if outer == "fp32" else Blocks(_bits(outer), int(size)))


def _bits(kind: str) -> int:
    return int(kind.removeprefix("int"))


def _vocabulary(graph: Graph) -> int:
    """Outputs of the head: the last axis of the output that decides."""
    size = next((tensor.axes[-1] for tensor in graph.outputs if tensor.name == graph.decides), 0)
    return size if isinstance(size, int) else 0


def _write(model: onnx.ModelProto, path: Path) -> None:
    """Large weights go to a file beside the graph, which onnx would append to if the last candidate's were still there."""
    beside = path.with_name(f"{path.name}.data")
    beside.unlink(missing_ok=True)
    large = sum(tensor.ByteSize() for tensor in model.graph.initializer) > INLINE  # counts without a copy
    onnx.save(model, path, save_as_external_data=large, location=beside.name)
