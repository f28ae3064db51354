"""Writes TorchScript by tracing, and runs it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from framework import Backend, Graph, NoOptions, Tensors, Variant

EXAMPLE = {"batch": 3}
EXAMPLE_AXIS = 9


def export(graphs: Sequence[Graph], folder: Path, options: NoOptions, base: Mapping[str, Path]) -> Variant:
    """One file a graph. Tracing freezes Python branches; whether that mattered is what verification finds out."""
    for graph in graphs:
        assert graph.example is not None
        feeds = graph.example(EXAMPLE | {axis: min(EXAMPLE_AXIS, largest) for axis, (_, largest) in graph.axes.items()})
        inputs = tuple(torch.from_numpy(feeds[tensor.name]) for tensor in graph.inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecation of torch.jit, and a warning for every frozen branch
            traced = torch.jit.trace(graph.module, inputs, check_trace=False)
            torch.jit.save(traced, str(folder / f"{graph.name}.pt"))
    files = {graph.name: f"{graph.name}.pt" for graph in graphs}
    return Variant(files, {"precision": "fp32", "torch": torch.__version__})


class TorchScriptBackend:
    """Runs TorchScript files on numpy arrays, on the CPU."""

    def __init__(self, graphs: Sequence[Graph], paths: Mapping[str, Path]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.modules = {name: torch.jit.load(str(path), map_location="cpu") for name, path in paths.items()}
        self.graphs = {graph.name: graph for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        spec = self.graphs[graph]
        with torch.inference_mode():
            outputs = self.modules[graph](*(torch.from_numpy(np.ascontiguousarray(feeds[t.name])) for t in spec.inputs))
        found = outputs if isinstance(outputs, tuple) else (outputs,)
        return {tensor.name: value.numpy() for tensor, value in zip(spec.outputs, found, strict=True)}


def open_files(graphs: Sequence[Graph], paths: Mapping[str, Path]) -> Backend:
    return TorchScriptBackend(graphs, paths)
