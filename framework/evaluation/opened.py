"""A fitted candidate, opened from its folder, with what answers through it."""

from __future__ import annotations

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
    """What `Candidate.open` gives of a folder, and the folder."""

    name: str
    title: str
    folder: Path
    fitted: Fitted

    @classmethod
    def of(cls, candidate: AnyCandidate, folder: Path) -> Opened:
        return cls(candidate.name, candidate.title, folder, candidate.open(folder))

    @property
    def resources(self) -> Path:
        return self.folder / RESOURCES

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.fitted.graphs

    def codec(self, more: Settings | None = None) -> Codec:
        """more: settings that are others for one of its files."""
        return open_codec(self.fitted.codec, self.resources, more)

    def backend(self) -> Backend:
        """What the candidate's own graphs compute, before any export: the reference of every file."""
        return tabled(own_backend(self.graphs), self.graphs, self.fitted.tables)


class NoGraphs:
    """The backend of a codec that answers alone."""

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        raise KeyError(f"the codec calls the graph {graph!r}, and the candidate has none")


def own_backend(graphs: tuple[Graph, ...]) -> Backend:
    """Modules run by torch, files that are ONNX already by onnxruntime. Raises ValueError for a mixture."""
    files = {graph.name: graph.source for graph in graphs if isinstance(graph.source, Path)}
    if not graphs:
        return NoGraphs()
    if len(files) == len(graphs):
        return open_onnx(graphs, files)
    if files:
        raise ValueError(f"all graphs of a candidate are modules, or all are ONNX files; {', '.join(files)} are files")
    from framework.evaluation.module_backend import ModuleBackend

    return ModuleBackend(graphs)
