"""Writes TorchScript by tracing, and runs it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from framework import Backend, Graph, ModuleBackend, NoOptions, Variant


def export(graphs: Sequence[Graph], folder: Path, options: NoOptions, base: Mapping[str, Path]) -> Variant:
    """Writes one file for each graph. Tracing freezes Python branches; the parity checks find whether that matters."""
    files = {graph.name: f"{graph.name}.pt" for graph in graphs}
    for graph in graphs:
        feeds = graph.traced_with()
        inputs = tuple(torch.from_numpy(feeds[tensor.name]) for tensor in graph.arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecation of torch.jit, and a warning for every frozen branch
            traced = torch.jit.trace(cast(torch.nn.Module, graph.source), inputs, check_trace=False)
            content = io.BytesIO()
            torch.jit.save(traced, content)
        (folder / files[graph.name]).write_bytes(content.getbuffer())  # torch itself aborts the process on a full disk
    return Variant(files, "fp32", {"torch": torch.__version__})


def open_files(graphs: Sequence[Graph], paths: Mapping[str, Path]) -> Backend:
    """A backend that runs the files on the CPU. paths: by graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ModuleBackend([replace(graph, source=torch.jit.load(str(paths[graph.name]), "cpu")) for graph in graphs])
