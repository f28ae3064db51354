"""A backend that runs the torch modules of graphs, the reference that exported files are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from framework.contracts.graph import Graph, Tensors


class ModuleBackend:
    """Puts the torch modules of graphs in eval mode on the CPU; runs them with arguments in the order of `Graph.arguments`."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.graphs = {graph.name: graph for graph in graphs}
        self.modules = {graph.name: cast(nn.Module, graph.source).eval().to("cpu") for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        spec = self.graphs[graph]
        with torch.inference_mode():
            outputs = self.modules[graph](
                *(torch.from_numpy(np.ascontiguousarray(feeds[tensor.name])) for tensor in spec.arguments)
            )
        values = outputs if isinstance(outputs, tuple) else (outputs,)
        return {tensor.name: value.numpy() for tensor, value in zip(spec.outputs, values, strict=True)}
