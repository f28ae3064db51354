"""Compares files of graphs with state step by step: the file repeats each run of the trained module, from the same state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np

from framework.contracts.codec import Codec, Reference, Steps
from framework.contracts.graph import Backend, Graph, Request, Response, Tensors
from framework.export.parity import Parity, Show, compare_outputs, row_name
from framework.runtime.jobs import Job
from framework.runtime.scheduler import Scheduler

T = TypeVar("T")

TIE = 1e-4  # an independent implementation may choose another token where the best two logits differ by less
GROUP = 7  # rows answered together, to save time: a step reads all weights, however many rows it has


@dataclass
class Lockstep:
    """Answers requests with the trained module and repeats every call on the file; answers references with the file alone.

    model: the backend of the trained module. show: see `parity.Show`. The results go into `parity`.
    """

    codec: Codec
    graphs: Sequence[Graph]
    model: Backend
    file: Backend
    show: Show
    parity: Parity = field(default_factory=Parity)

    def compare_alone(self, requests: Mapping[int, Request]) -> None:
        """Compares requests that are answered one at a time. requests: by index of the row."""
        self.parity.rows += len(requests)
        for row, request in requests.items():
            self._run(row_name(row, request, self.show), [self.codec.start(request)])

    def compare_together(self, requests: Mapping[int, Request]) -> None:
        """Compares requests that are answered in runs of several rows. requests: by index of the row."""
        self.parity.rows += len(requests)
        for group in _groups(requests.items()):
            self._run(_row_names([row for row, _ in group]), [self.codec.start(request) for _, request in group])

    def compare_scores(self, generators: Sequence[Steps]) -> None:
        """Compares the calls of `Scores.score`. generators: from that method; they run together."""
        self._run("the answers that the rows hold", generators)

    def compare_references(self, references: Sequence[Reference]) -> None:
        """Answers requests with the file and compares the answers with the references, except where the best two tokens tie."""
        self.parity.references += len(references)
        for group in _groups(enumerate(references)):
            scheduler = _MarginScheduler(self.codec, self.file, self.graphs)
            generators = [self.codec.start(request) for _, (request, _) in group]
            responses = scheduler.complete(generators)
            for (row, (request, expected)), response, steps in zip(group, responses, generators, strict=True):
                margin = scheduler.margins.get(id(steps), np.inf)
                self._compare_reference(f"reference {row_name(row, request, self.show)}", expected, response, margin)

    def _compare_reference(self, place: str, expected: Response, response: Response, margin: float) -> None:
        """margin: the smallest difference between the best two logits in any decision of the answer."""
        if response == expected:
            return
        if margin < TIE:
            self.parity.ties += 1
        else:
            answers = f"{self.show(response)} where transformers says {self.show(expected)}"
            self.parity.failures.append((np.inf, f"{place}: {answers}"))

    def _run(self, place: str, generators: Sequence[Steps]) -> None:
        backend = _ComparingBackend(self.model, self.file, {graph.name: graph for graph in self.graphs}, self.parity, place)
        Scheduler(self.codec, backend, self.graphs).complete(generators)
        self.parity.steps += backend.runs


def _groups(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while group := list(islice(remaining, GROUP)):
        yield group


def _row_names(rows: Sequence[int]) -> str:
    return f"row {rows[0] + 1}" if len(rows) == 1 else f"rows {rows[0] + 1} to {rows[-1] + 1}, answered together"


class _MarginScheduler(Scheduler):
    """Records the smallest difference between the best two logits in any decision, by ``id`` of the codec's generator."""

    def __init__(self, codec: Codec, backend: Backend, graphs: Sequence[Graph]) -> None:
        super().__init__(codec, backend, graphs)
        self.margins: dict[int, float] = {}

    def run(self, batch: Sequence[Job]) -> list[Tensors]:
        decides = self.graphs[batch[0].waiting.graph].decides
        results = super().run(batch)
        for job, outputs in zip(batch, results if decides is not None else (), strict=False):
            best = np.partition(outputs[str(decides)], -2, axis=-1)[..., -2:]
            margin = float((best[..., 1] - best[..., 0]).min())
            self.margins[id(job.steps)] = min(margin, self.margins.get(id(job.steps), np.inf))
        return results


@dataclass
class _ComparingBackend:
    """Runs the trained module, repeats every run on the file, and compares the outputs.

    place: what is answered, for messages.
    """

    model: Backend
    file: Backend
    graphs: Mapping[str, Graph]
    parity: Parity
    place: str
    runs: int = 0

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        expected = self.model.run(graph, feeds)
        compare_outputs(self.parity, self.graphs[graph], self.place, expected, self.file.run(graph, feeds))
        self.runs += 1
        return expected
