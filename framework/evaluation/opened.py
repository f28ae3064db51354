"""A fitted candidate, opened from its folder, with its codec and backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framework.contracts.candidate import RESOURCES, Fitted
from framework.contracts.codec import Codec, Settings
from framework.contracts.graph import Backend, Graph, Tensors
from framework.plugins import AnyCandidate, open_codec
from framework.runtime.onnx import open_onnx
from framework.runtime.tables import tabled


@dataclass(frozen=True)
class Opened:
    """A fitted candidate and its folder."""

    name: str
    title: str
    folder: Path
    fitted: Fitted

    @classmethod
    def of(cls, candidate: AnyCandidate, folder: Path) -> Opened:
        """Opens the fitted folder of a candidate."""
        return cls(candidate.name, candidate.title, folder, candidate.open(folder))

    @property
    def resources(self) -> Path:
        return self.folder / RESOURCES

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.fitted.graphs

    def codec(self, more: Settings | None = None) -> Codec:
        """The candidate's codec. more: settings of one variant, which replace those of the candidate; None: there are none."""
        return open_codec(self.fitted.codec, self.resources, more)

    def backend(self) -> Backend:
        """The backend that runs the graphs as they are before any export."""
        return tabled(own_backend(self.graphs), self.graphs, self.fitted.tables)

    @property
    def judged_tables(self) -> Tensors:
        """The tables for answers to validation rows: without what the model learned from these rows."""
        return {**self.fitted.tables, **self.fitted.held_out_tables}

    def reference_backend(self) -> Backend:
        """As `backend`, but with `judged_tables`: the reference for every exported file, on validation rows."""
        return tabled(own_backend(self.graphs), self.graphs, self.judged_tables)

    def judged_backend(self) -> Backend:
        """As `reference_backend`, also without what outputs owe to validation rows, see `Fitted.held_out`."""
        held_out = self.fitted.held_out
        return self.reference_backend() if held_out is None else HeldOut(self.reference_backend(), held_out)


@dataclass(frozen=True)
class HeldOut:
    """A backend whose outputs are those of `Fitted.held_out`."""

    backend: Backend
    held_out: Callable[[Tensors], Tensors]

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        return self.held_out(self.backend.run(graph, feeds))


class NoGraphs:
    """The backend of a codec that answers without graphs."""

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        raise KeyError(f"the codec calls the graph {graph!r}, and the candidate has none")


def own_backend(graphs: tuple[Graph, ...]) -> Backend:
    """A backend that runs the sources of the graphs: modules with torch, or ONNX files with onnxruntime.

    Raises ValueError for graphs of both kinds.
    """
    files = {graph.name: graph.source for graph in graphs if isinstance(graph.source, Path)}
    if not graphs:
        return NoGraphs()
    if len(files) == len(graphs):
        return open_onnx(graphs, files)
    if files:
        raise ValueError(f"all graphs of a candidate are modules, or all are ONNX files; {', '.join(files)} are files")
    from framework.evaluation.module_backend import ModuleBackend

    return ModuleBackend(graphs)
