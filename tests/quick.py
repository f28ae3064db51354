"""An exporter for tests of something else: ONNX by torch's older, tracing exporter, in a tenth of the time of its newer one.

It is a plugin from outside; like any exporter's, its files are proven equal to the module and run without torch.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import framework
from framework import Exporter, Graph, NoOptions, Variant


@framework.hookimpl
def register_exporters(register: Callable[[Exporter], None]) -> None:
    register(Exporter("quick", "tests.quick:export", "framework.runtime.onnx:open_onnx", "onnx", takes_files=True))


def export(graphs: Sequence[Graph], folder: Path, options: NoOptions, base: Mapping[str, Path]) -> Variant:
    files = {graph.name: f"{graph.name}.onnx" for graph in graphs}
    for graph in graphs:
        if isinstance(graph.source, Path):
            shutil.copyfile(graph.source, folder / files[graph.name])
            continue
        import torch

        feeds = graph.traced_with()
        ends = (*graph.inputs, *graph.outputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is deprecated, and warns for every frozen branch
            torch.onnx.export(
                cast("torch.nn.Module", graph.source),
                tuple(torch.from_numpy(feeds[tensor.name]) for tensor in graph.inputs),
                str(folder / files[graph.name]),
                input_names=[tensor.name for tensor in graph.inputs],
                output_names=[tensor.name for tensor in graph.outputs],
                dynamic_axes={
                    tensor.name: {i: axis for i, axis in enumerate(tensor.axes) if isinstance(axis, str)} for tensor in ends
                },
                opset_version=20,
                dynamo=False,
            )
    return Variant(files, "fp32", {"opset": 20})
