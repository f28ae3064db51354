"""Attempts with weights of 4 or 8 bits, in the order of the options; the framework ships the first that passes the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx

from framework import Graph, Variant
from framework_onnx import OnnxInt4
from framework_onnx.beside import nodes_beside
from framework_onnx.export import INLINE
from framework_onnx.int4_rewrite import Blocks, BlockScheme, quantize_blocks


def candidates(graphs: Sequence[Graph], folder: Path, options: OnnxInt4, base: Mapping[str, Path]) -> Iterator[Variant]:
    """Writes one attempt after another into `folder`, each over the one before. base: the fp32 files, by graph."""
    files = {graph.name: f"{graph.name}.onnx" for graph in graphs}
    for name in options.candidates:
        for graph in graphs:
            model = onnx.load(base[graph.name])
            quantize_blocks(model, parse(name), _vocabulary(graph), nodes_beside(model, graph))
            _write(model, folder / files[graph.name])
        yield Variant(files, name)


def parse(name: str) -> BlockScheme:
    """The scheme of an item of `OnnxInt4.candidates`, such as ``int4 block 32 head int8``."""
    kind, _, size, *rest = name.split()
    inner = Blocks(_bits(kind), int(size))
    outer = rest[1] if rest else kind
    return BlockScheme(inner, None if outer == "fp32" else Blocks(_bits(outer), int(size)))


def _bits(kind: str) -> int:
    return int(kind.removeprefix("int"))


def _vocabulary(graph: Graph) -> int:
    """Number of outputs of the head: the size of the last axis of the output `Graph.decides`; 0: there is no head."""
    size = next((tensor.axes[-1] for tensor in graph.outputs if tensor.name == graph.decides), 0)
    return size if isinstance(size, int) else 0


def _write(model: onnx.ModelProto, path: Path) -> None:
    """Writes a model, with large weights in a separate file. Removes that of the attempt before, or onnx would append to it."""
    weights = path.with_name(f"{path.name}.data")
    weights.unlink(missing_ok=True)
    large = sum(tensor.ByteSize() for tensor in model.graph.initializer) > INLINE  # ByteSize makes no copy
    onnx.save(model, path, save_as_external_data=large, location=weights.name)
