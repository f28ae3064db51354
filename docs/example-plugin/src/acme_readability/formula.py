"""Writes linear graphs as numbers in JSON, for programs without a runtime: a spreadsheet, a web page, a text editor."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from acme_readability import Formula
from framework import Graph, InputError, Tensors, Variant


def problems(options: Formula) -> list[str]:
    return [] if options.digits > 0 else [f"export.formula.digits={options.digits} must be at least 1"]


def export(graphs: Sequence[Graph], folder: Path, options: Formula, base: Mapping[str, Path]) -> Variant:
    import torch

    for graph in graphs:
        if not isinstance(graph.source, torch.nn.Linear):
            raise InputError(f"export=[formula]: the graph {graph.name} is no linear formula; leave formula out")
        rounded = np.vectorize(lambda value: float(f"{value:.{options.digits}g}"))
        parameters = {name: rounded(value).tolist() for name, value in graph.source.state_dict().items()}
        (folder / f"{graph.name}.json").write_text(json.dumps(parameters), encoding="utf-8")
    return Variant({graph.name: f"{graph.name}.json" for graph in graphs}, "fp32", {"digits": options.digits})


class FormulaBackend:
    """outputs = inputs @ weight.T + bias"""

    def __init__(self, graphs: Sequence[Graph], paths: Mapping[str, Path]) -> None:
        self.graphs = {graph.name: graph for graph in graphs}
        self.parameters = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        [inputs], [outputs] = self.graphs[graph].inputs, self.graphs[graph].outputs
        weight, bias = (np.array(self.parameters[graph][name], dtype=np.float32) for name in ("weight", "bias"))
        return {outputs.name: feeds[inputs.name] @ weight.T + bias}
