"""Graphs to files: every exporter of the recipe, those that start from another's files after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.contracts import Exporter, Variant
from framework.disk import writing
from framework.graphs import Backend, Graph
from framework.interrupts import deferred
from framework.plugins import resolve


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
    """Writes one variant into its own folder of the artifact; its paths are relative to the artifact."""
    own = folder / exporter.name
    own.mkdir()
    files = paths(folder, base) if base else {}
    write = resolve(exporter.export)
    with deferred(), writing(own, weights(graphs)):
        variant: Variant = write(graphs, own, options, files)
    inside = {graph: f"{exporter.name}/{file}" for graph, file in variant.files.items()}
    return replace(variant, name=exporter.name, format=exporter.format, files=inside)


def paths(folder: Path, variant: Variant) -> dict[str, Path]:
    return {graph: folder / file for graph, file in variant.files.items()}


def open_backend(graphs: Sequence[Graph], exporter: Exporter, files: Mapping[str, Path]) -> Backend:
    backend: Backend = resolve(exporter.open)(graphs, files)
    return backend


def weights(graphs: Sequence[Graph]) -> int:
    """Bytes of the parameters of the fitted modules."""
    return sum(p.numel() * p.element_size() for graph in graphs for p in graph.module.parameters())


def size(folder: Path, exporter: Exporter) -> int:
    """Bytes of a variant, weights beside the graph included."""
    return sum(path.stat().st_size for path in (folder / exporter.name).rglob("*") if path.is_file())
