"""Runs the fitted torch modules of graphs as a backend: the reference that exports are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from framework.contracts.candidate import Fitted
from framework.contracts.graph import Backend, Graph, Tensors
from framework.runtime.tables import tabled


class ModuleBackend:
    """Graphs run by their own modules, in eval mode, on the CPU. Inputs go by position, in the order of the graph."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.graphs = {graph.name: graph for graph in graphs}
        for graph in graphs:
            graph.module.eval().to("cpu")

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        spec = self.graphs[graph]
        with torch.inference_mode():
            outputs = spec.module(*(torch.from_numpy(np.ascontiguousarray(feeds[tensor.name])) for tensor in spec.arguments))
        found = outputs if isinstance(outputs, tuple) else (outputs,)
        return {tensor.name: value.numpy() for tensor, value in zip(spec.outputs, found, strict=True)}


def fitted_backend(fitted: Fitted) -> Backend:
    """The modules of a fitted candidate, with its tables."""
    return tabled(ModuleBackend(fitted.graphs), fitted.graphs, fitted.tables)
