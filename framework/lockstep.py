"""Graphs with state, compared step by step: every run of the model is one of the file too, from the same state on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from framework.graphs import Backend, Codec, Graph, Reference, Request, Response, Steps, Tensors
from framework.runtime.model import difference
from framework.runtime.scheduler import Scheduler
from framework.verify import Parity, Show, compare_outputs, where

TIE = 1e-4  # of two logits, below which an independent implementation may choose the other


@dataclass
class Lockstep:
    """Runs generators of a codec with the model, and every call on the file's backend as well. Nothing else is kept."""

    codec: Codec
    graphs: Sequence[Graph]
    model: Backend
    file: Backend
    show: Show
    parity: Parity = field(default_factory=Parity)

    def answers(self, requests: Mapping[int, Request]) -> None:
        """One after another; keys are rows."""
        self.parity.rows += len(requests)
        for row, request in requests.items():
            self._run(where(row, request, self.show), [self.codec.start(request)])

    def likelihoods(self, generators: Sequence[Steps]) -> None:
        """All together, in batches."""
        self._run("the answers that the rows hold", generators)

    def references(self, references: Sequence[Reference]) -> None:
        """The model's answer must be that of the independent implementation, unless two tokens were as likely."""
        self.parity.references += len(references)
        for row, (request, expected) in enumerate(references):
            place = f"reference {where(row, request, self.show)}"
            found, margin = self._run(place, [self.codec.start(request)])
            if difference(found[0], expected) < float("inf"):
                continue
            if margin < TIE:
                self.parity.ties += 1
            else:
                answers = f"{self.show(found[0])} where transformers says {self.show(expected)}"
                self.parity.failures.append((np.inf, f"{place}: {answers}"))

    def _run(self, place: str, generators: Sequence[Steps]) -> tuple[list[Response], float]:
        both = _Both(self.model, self.file, {graph.name: graph for graph in self.graphs}, self.parity, place)
        found = Scheduler(self.codec, both, self.graphs).complete(generators)
        self.parity.steps += both.runs
        return found, both.margin


@dataclass
class _Both:
    """A backend that compares another with itself. margin: the smallest between the two best of any decision."""

    model: Backend
    file: Backend
    graphs: Mapping[str, Graph]
    parity: Parity
    place: str
    margin: float = np.inf
    runs: int = 0

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        expected = self.model.run(graph, feeds)
        compare_outputs(self.parity, self.graphs[graph], self.place, expected, self.file.run(graph, feeds))
        self.runs += 1
        if (decides := self.graphs[graph].decides) is not None:
            best = np.partition(expected[decides], -2, axis=-1)[..., -2:]
            self.margin = min(self.margin, float((best[..., 1] - best[..., 0]).min()))
        return expected
