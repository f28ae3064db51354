"""Runs ONNX files with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnxruntime

from framework.cpus import granted_cpus
from framework.errors import FrameworkError
from framework.graphs import Backend, Graph, Tensors

SLOWER = ("SkipLayerNormFusion",)  # its CPU kernel takes several times as long as the Add and LayerNormalization it replaces


class OnnxBackend:
    """One session a graph, on the CPUs this process may use."""

    def __init__(self, graphs: Sequence[Graph], paths: Mapping[str, Path]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = granted_cpus()
        options.log_severity_level = 3
        self.outputs = {graph.name: [tensor.name for tensor in graph.outputs] for graph in graphs}
        self.sessions = {name: _session(path, options) for name, path in paths.items()}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        names = self.outputs[graph]
        return dict(zip(names, self.sessions[graph].run(names, feeds), strict=True))


def _session(path: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(SLOWER)
        )
    except Exception as error:  # onnxruntime raises many kinds, none of them exported
        raise FrameworkError(f"onnxruntime cannot load {path}: {error}") from error


def open_onnx(graphs: Sequence[Graph], paths: Mapping[str, Path]) -> Backend:
    return OnnxBackend(graphs, paths)
