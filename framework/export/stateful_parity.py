"""Graphs with state, compared step by step: every run of the model is one of the file too, from the same state on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np

from framework.contracts.codec import Codec, Reference, Steps
from framework.contracts.graph import Backend, Graph, Request, Response, Tensors
from framework.export.parity import Parity, Show, compare_outputs, where
from framework.runtime.jobs import Job
from framework.runtime.scheduler import Scheduler

T = TypeVar("T")

TIE = 1e-4  # of two logits, below which an independent implementation may choose the other
COMPANY = 7  # rows answered together: a step reads all weights, for one row as for several


@dataclass
class Lockstep:
    """Runs generators of a codec with the model, and every call on the file's backend as well; references on the file alone."""

    codec: Codec
    graphs: Sequence[Graph]
    model: Backend
    file: Backend
    show: Show
    parity: Parity = field(default_factory=Parity)

    def answers(self, requests: Mapping[int, Request]) -> None:
        """Each alone; keys are rows."""
        self.parity.rows += len(requests)
        for row, request in requests.items():
            self._run(where(row, request, self.show), [self.codec.start(request)])

    def answers_together(self, requests: Mapping[int, Request]) -> None:
        """In runs of several rows; keys are rows."""
        self.parity.rows += len(requests)
        for some in _companies(requests.items()):
            self._run(_among([row for row, _ in some]), [self.codec.start(request) for _, request in some])

    def likelihoods(self, generators: Sequence[Steps]) -> None:
        """All together, in batches."""
        self._run("the answers that the rows hold", generators)

    def references(self, references: Sequence[Reference]) -> None:
        """The file's answer must be that of the independent implementation, unless two tokens were as likely."""
        self.parity.references += len(references)
        for some in _companies(enumerate(references)):
            scheduler = _Margins(self.codec, self.file, self.graphs)
            generators = [self.codec.start(request) for _, (request, _) in some]
            answers = scheduler.complete(generators)
            for (row, (request, expected)), found, steps in zip(some, answers, generators, strict=True):
                margin = scheduler.margins.get(id(steps), np.inf)
                self._hold(f"reference {where(row, request, self.show)}", expected, found, margin)

    def _hold(self, place: str, expected: Response, found: Response, margin: float) -> None:
        """margin: the smallest between the two best of any of the answer's decisions."""
        if found == expected:
            return
        if margin < TIE:
            self.parity.ties += 1
        else:
            answers = f"{self.show(found)} where transformers says {self.show(expected)}"
            self.parity.failures.append((np.inf, f"{place}: {answers}"))

    def _run(self, place: str, generators: Sequence[Steps]) -> None:
        both = _Both(self.model, self.file, {graph.name: graph for graph in self.graphs}, self.parity, place)
        Scheduler(self.codec, both, self.graphs).complete(generators)
        self.parity.steps += both.runs


def _companies(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(islice(left, COMPANY)):
        yield some


def _among(rows: Sequence[int]) -> str:
    return f"row {rows[0] + 1}" if len(rows) == 1 else f"rows {rows[0] + 1} to {rows[-1] + 1}, answered together"


class _Margins(Scheduler):
    """Notes for each generator, by its id, the smallest margin between the two best of any decision."""

    def __init__(self, codec: Codec, backend: Backend, graphs: Sequence[Graph]) -> None:
        super().__init__(codec, backend, graphs)
        self.margins: dict[int, float] = {}

    def run(self, batch: Sequence[Job]) -> list[Tensors]:
        decides = self.graphs[batch[0].waiting.graph].decides
        found = super().run(batch)
        for job, outputs in zip(batch, found if decides is not None else (), strict=False):
            best = np.partition(outputs[str(decides)], -2, axis=-1)[..., -2:]
            margin = float((best[..., 1] - best[..., 0]).min())
            self.margins[id(job.steps)] = min(margin, self.margins.get(id(job.steps), np.inf))
        return found


@dataclass
class _Both:
    """A backend that compares another with itself."""

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
