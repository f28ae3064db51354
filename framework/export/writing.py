"""Runs exporters, which write graphs to files, and opens the files."""

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

Calibration = Mapping[str, Sequence[Tensors]]  # graph name -> its feeds in each call


def in_order(exporters: Sequence[Exporter]) -> list[Exporter]:
    """The exporters, each after its base, otherwise in the given order."""
    ordered: list[Exporter] = []
    waiting = list(exporters)
    while waiting:
        names = {exporter.name for exporter in ordered}
        ready = next(exporter for exporter in waiting if exporter.base is None or exporter.base in names)
        ordered.append(ready)
        waiting.remove(ready)
    return ordered


def export(graphs: Sequence[Graph], exporter: Exporter, options: Any, folder: Path, base: Variant | None) -> Variant:
    """Writes one exact variant into ``folder/EXPORTER``. The paths of the variant are relative to `folder`.

    base: the variant of `Exporter.base`; None: there is none. Raises FrameworkError where the disk refuses a write.
    """
    target = folder / exporter.name
    target.mkdir()
    write = resolve(exporter.export)
    with deferred(), writing(target, weights(graphs)):
        variant: Variant = write(graphs, target, options, paths(folder, base) if base else {})
    return _complete(variant, exporter)


def candidates(
    graphs: Sequence[Graph],
    exporter: Exporter,
    options: Any,
    folder: Path,
    base: Variant | None,
    calibration: Calibration | None,
) -> Iterator[Variant]:
    """The attempts of a lossy exporter. The iterator writes each into ``folder/EXPORTER``, over the one before.

    base: as for `export`. calibration: None for an exporter that does not calibrate. Raises FrameworkError where the disk
    refuses a write.
    """
    target = folder / exporter.name
    target.mkdir()
    feeds = () if calibration is None else (calibration,)
    variants = resolve(exporter.export)(graphs, target, options, paths(folder, base) if base else {}, *feeds)
    while True:
        with writing(target, weights(graphs)):
            variant = next(variants, None)
        if variant is None:
            return
        yield _complete(variant, exporter)


def _complete(variant: Variant, exporter: Exporter) -> Variant:
    """The variant with name and format of the exporter, and with paths relative to the folder of all exporters."""
    files = {graph: f"{exporter.name}/{file}" for graph, file in variant.files.items()}
    return replace(variant, name=exporter.name, format=exporter.format, files=files)


class _Recording:
    """A backend that records the feeds of every call."""

    def __init__(self, backend: Backend, graphs: Sequence[Graph]) -> None:
        self.backend = backend
        self.feeds: dict[str, list[Tensors]] = {graph.name: [] for graph in graphs}

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        self.feeds[graph].append(feeds)
        return self.backend.run(graph, feeds)


def calibration_feeds(
    codec: Codec, backend: Backend, graphs: Sequence[Graph], tables: Tensors, requests: Sequence[Request]
) -> Calibration:
    """Answers the requests one at a time; returns the feeds of each graph, tables included, in every call.

    backend: runs the graphs. tables: by name, those that graphs take.
    """
    recording = _Recording(backend, graphs)
    scheduler = Scheduler(codec, tabled(recording, graphs, tables), graphs)
    for request in requests:
        scheduler.answer([request])
    return recording.feeds


def paths(folder: Path, variant: Variant) -> dict[str, Path]:
    """The files of a variant, by graph. folder: the folder that the paths of the variant are relative to."""
    return {graph: folder / file for graph, file in variant.files.items()}


def open_backend(
    graphs: Sequence[Graph], exporter: Exporter, files: Mapping[str, Path], tables: Tensors | None = None
) -> Backend:
    """A backend over the files of an export. files: by graph. tables: by name, those that graphs take; None: there are none."""
    backend: Backend = resolve(exporter.open)(graphs, files)
    return tabled(backend, graphs, tables or {})


def weights(graphs: Sequence[Graph]) -> int:
    """Bytes of all parameters and buffers of the graphs, or of the file for a graph that is ONNX already."""
    return sum(_weight(graph.source) for graph in graphs)


def _weight(source: Any) -> int:
    if isinstance(source, Path):
        return source.stat().st_size
    return sum(tensor.numel() * tensor.element_size() for tensor in (*source.parameters(), *source.buffers()))


def size(folder: Path, exporter: Exporter) -> int:
    """Bytes of all files of a variant in ``folder/EXPORTER``, external weights included."""
    return sum(path.stat().st_size for path in (folder / exporter.name).rglob("*") if path.is_file())
