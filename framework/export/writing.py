"""Graphs to files: every exporter of the recipe, those that start from another's files after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.contracts.codec import Codec
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.graph import Backend, Graph, Request, Tensors
from framework.machine.disk import writing
from framework.machine.interrupts import deferred
from framework.plugins import resolve
from framework.runtime.scheduler import Scheduler
from framework.runtime.tables import tabled

Calibration = Mapping[str, Sequence[Tensors]]  # graph name -> what it was fed, a batch each


def in_order(exporters: Sequence[Exporter]) -> list[Exporter]:
    """Bases before what is derived from them, otherwise as given."""
    ordered: list[Exporter] = []
    waiting = list(exporters)
    while waiting:
        done = {exporter.name for exporter in ordered}
        ready = [exporter for exporter in waiting if exporter.base is None or exporter.base in done]
        ordered += ready
        waiting = [exporter for exporter in waiting if exporter not in ready]
    return ordered


def export(graphs: Sequence[Graph], exporter: Exporter, options: Any, folder: Path, base: Variant | None) -> Variant:
    """Writes one exact variant into its own folder of the artifact; its paths are relative to the artifact."""
    own = folder / exporter.name
    own.mkdir()
    write = resolve(exporter.export)
    with deferred(), writing(own, weights(graphs)):
        variant: Variant = write(graphs, own, options, paths(folder, base) if base else {})
    return _inside(variant, exporter)


def candidates(
    graphs: Sequence[Graph],
    exporter: Exporter,
    options: Any,
    folder: Path,
    base: Variant | None,
    calibration: Calibration | None,
) -> Iterator[Variant]:
    """The candidates of a lossy exporter, each written into its folder of the artifact when it is asked for.

    calibration: None for an exporter that does without.
    """
    own = folder / exporter.name
    own.mkdir()
    fed = () if calibration is None else (calibration,)
    found = resolve(exporter.export)(graphs, own, options, paths(folder, base) if base else {}, *fed)
    while True:
        with writing(own, weights(graphs)):
            variant = next(found, None)
        if variant is None:
            return
        yield _inside(variant, exporter)


def _inside(variant: Variant, exporter: Exporter) -> Variant:
    files = {graph: f"{exporter.name}/{file}" for graph, file in variant.files.items()}
    return replace(variant, name=exporter.name, format=exporter.format, files=files)


class _Recording:
    """A backend that keeps what it is fed."""

    def __init__(self, backend: Backend, graphs: Sequence[Graph]) -> None:
        self.backend = backend
        self.feeds: dict[str, list[Tensors]] = {graph.name: [] for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.feeds[graph].append(feeds)
        return self.backend.run(graph, feeds)


def calibration_feeds(
    codec: Codec, backend: Backend, graphs: Sequence[Graph], tables: Tensors, requests: Sequence[Request]
) -> Calibration:
    """For each graph what it is fed while the requests are answered one at a time, tables included."""
    recording = _Recording(backend, graphs)
    scheduler = Scheduler(codec, tabled(recording, graphs, tables), graphs)
    for request in requests:
        scheduler.answer([request])
    return recording.feeds


def paths(folder: Path, variant: Variant) -> dict[str, Path]:
    return {graph: folder / file for graph, file in variant.files.items()}


def open_backend(
    graphs: Sequence[Graph], exporter: Exporter, files: Mapping[str, Path], tables: Tensors | None = None
) -> Backend:
    backend: Backend = resolve(exporter.open)(graphs, files)
    return tabled(backend, graphs, tables or {})


def weights(graphs: Sequence[Graph]) -> int:
    """Bytes of the parameters and buffers of modules, and of files that are ONNX already."""
    return sum(_weight(graph.source) for graph in graphs)


def _weight(source: Any) -> int:
    if isinstance(source, Path):
        return source.stat().st_size
    return sum(tensor.numel() * tensor.element_size() for tensor in (*source.parameters(), *source.buffers()))


def size(folder: Path, exporter: Exporter) -> int:
    """Bytes of a variant, weights beside the graph included."""
    return sum(path.stat().st_size for path in (folder / exporter.name).rglob("*") if path.is_file())
