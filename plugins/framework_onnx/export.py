"""Writes fp32 ONNX files with torch's dynamo exporter."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, RemoveUnusedNodesPass

from framework import Graph, Tensor, Variant
from framework_onnx import Onnx

if TYPE_CHECKING:
    from torch.nn import Module

INLINE = 1_500_000_000  # bytes of weights above which weights go to a separate file (protobuf is limited to 2 GB)


def export(graphs: Sequence[Graph], folder: Path, options: Onnx, base: Mapping[str, Path]) -> Variant:
    """Writes one file for each graph, in which named axes are dynamic. A graph that is ONNX already is copied.

    base: empty, since this exporter has no base.
    """
    for graph in graphs:
        if isinstance(graph.source, Path):
            shutil.copyfile(graph.source, folder / f"{graph.name}.onnx")
        else:
            _write(graph, cast("Module", graph.source), folder, options)
    return Variant(_files(graphs), "fp32", {"opset": options.opset})


def _write(graph: Graph, module: Module, folder: Path, options: Onnx) -> None:
    import torch

    feeds = graph.traced_with()
    with _quiet():
        program = torch.onnx.export(
            module,
            kwargs={tensor.name: torch.from_numpy(feeds[tensor.name]) for tensor in graph.arguments},
            input_names=[tensor.name for tensor in graph.arguments],
            output_names=[tensor.name for tensor in graph.outputs],
            dynamic_shapes={tensor.name: _dynamic_axes(tensor) for tensor in graph.arguments},
            opset_version=options.opset,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    _use_division(program.model)
    ClearMetadataAndDocStringPass()(program.model)  # the metadata contain paths of source files on this machine
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    program.save(str(folder / f"{graph.name}.onnx"), external_data=size > INLINE)


def _use_division(model: ir.Model) -> None:
    """Replaces x * (1 / y) by x / y, in place.

    onnxruntime fuses a root mean square norm into one kernel only where it is written with a division; torch writes 1 /
    sqrt(y). Unfused, a norm takes seven kernels, and a step of a decoder has a hundred norms.
    """
    for node in list(model.graph):
        for place, value in enumerate(node.inputs if node.op_type == "Mul" else ()):
            inverse = value.producer() if value is not None else None
            if inverse is not None and inverse.op_type == "Reciprocal" and not inverse.outputs[0].is_graph_output():
                node.op_type = "Div"
                node.replace_input_with(0, node.inputs[1 - place])
                node.replace_input_with(1, inverse.inputs[0])
                break
    RemoveUnusedNodesPass()(model)


def _files(graphs: Sequence[Graph]) -> dict[str, str]:
    return {graph.name: f"{graph.name}.onnx" for graph in graphs}


def _dynamic_axes(tensor: Tensor) -> dict[int, Any]:
    from torch.export import Dim

    return {i: Dim.DYNAMIC for i, axis in enumerate(tensor.axes) if isinstance(axis, str)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter, which always warns about its internals; errors still raise."""
    loggers = [
        logging.getLogger(name) for name in ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnxscript", "root")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
