"""What one way to run the model gives and costs: metrics on validation, size, speed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from framework.contracts.candidate import Fitted
from framework.contracts.codec import Reference
from framework.contracts.exporter import Variant
from framework.contracts.graph import Backend, Request, Response, stateful
from framework.contracts.table import Table
from framework.evaluation.scoring import judging, merged, score_rows
from framework.export.parity import Parity, Trace, trace
from framework.plugins import resolve
from framework.run.job import Job
from framework.runtime.model import difference
from framework.runtime.scheduler import Scheduler

SINGLES, LONG_SINGLES = 40, 4  # requests timed one at a time; where each takes many runs


@dataclass
class Measured:
    """One way to run the model, and what it costs. Metrics are on validation; `metric` is the one the task is judged by."""

    name: str
    bytes: int
    metric: float
    metrics: Mapping[str, float]
    milliseconds: float  # median of one request alone
    per_second: float  # requests, in batches
    variant: Variant | None = None  # None: the trained module itself
    exact: bool = True
    parity: Parity | None = None
    shipped: bool = True
    decision: str = ""
    reason: str = ""  # in a word or two why it does not ship
    trace: Trace | None = field(default=None, repr=False)
    backend: Backend | None = field(default=None, repr=False)
    scores: Sequence[Response] = field(default=(), repr=False)  # what it says of the answers that the rows hold
    company: str = ""  # what answering together instead of alone changed

    def facts(self) -> dict[str, Any]:
        """For manifest and report."""
        return {
            "bytes": self.bytes,
            "metrics": dict(self.metrics),
            "milliseconds": round(self.milliseconds, 3),
            "per_second": round(self.per_second, 1),
            "decision": self.decision,
            "company": self.company,
            "parity": self.parity.summary() if self.parity else None,
        }


@dataclass(frozen=True)
class Yardstick:
    """What every file is measured with: the job, the fitted model, validation rows as requests, and answers by others."""

    job: Job
    fitted: Fitted
    validation: Table
    requests: Sequence[Request]
    references: Sequence[Reference] = ()

    def measure(self, name: str, bytes_: int, backend: Backend) -> Measured:
        """The metric on every validation row, and speed; requests of the shapes at the edges are answered along.

        bytes_: of weights or files; the tables that graphs share are added.
        """
        odd = self.odd_requests()
        with self.job.progress(name, len(self.requests) + len(odd)) as answered:
            scheduler = Scheduler(self.job.codec(self.fitted), backend, self.fitted.graphs, answered=answered)
            started = time.perf_counter()
            traced, scores = self._answered(scheduler, odd)
        rate = len(traced.responses) / (time.perf_counter() - started)
        singles, alone = [], []
        count = LONG_SINGLES if stateful(self.fitted.graphs) else SINGLES
        for request in self.requests[:count]:
            started = time.perf_counter()
            alone += scheduler.answer([request])
            singles.append(1000 * (time.perf_counter() - started))
        company = _company([difference(*pair) for pair in zip(alone, traced.responses[:count], strict=False)])
        bytes_ += sum(table.nbytes for table in self.fitted.tables.values())
        measured = Measured(name, bytes_, 0.0, {}, median(singles), rate, trace=traced, backend=backend, company=company)
        measured.scores = scores or score_rows(self.job.task, scheduler, self.validation)
        self.judge(measured)
        return measured

    def _answered(self, scheduler: Scheduler, odd: Sequence[Request]) -> tuple[Trace, Sequence[Response]]:
        """Of every row and odd request; where graphs have state the rows' scores too, which begin with the same long run."""
        task, rows = self.job.task, self.requests
        if not (scheduler.stateful and task.scores):
            return trace(scheduler, [*rows, *odd]), ()
        judged = judging(task, scheduler, rows, self.validation)
        found = scheduler.complete([*judged, *(scheduler.codec.start(request) for request in odd)])
        split = [(one["response"], one["scores"]) for one in found[: len(rows)]]
        return Trace([*(response for response, _ in split), *found[len(rows) :]], []), [scores for _, scores in split]

    def odd_requests(self) -> list[Request]:
        """Requests at the edges, short to answer where each takes many runs: it is what they ask that is odd."""
        odd = self.job.odd_requests()
        if not stateful(self.fitted.graphs):
            return odd
        brief = self.job.codec(self.fitted).interface().brief
        return [{**brief, **request} for request in odd]

    def judge(self, measured: Measured) -> None:
        """Sets the metrics from the responses in the trace."""
        assert measured.trace is not None
        responses = merged(measured.trace.responses[: len(self.requests)], measured.scores)
        measured.metrics = resolve(self.job.task.evaluate)(responses, self.validation, {}).metrics
        measured.metric = measured.metrics[self.job.task.metric.name]


def _company(apart: Sequence[float]) -> str:
    """Where activations are scaled by the largest value of a batch, a request's answer depends on its company."""
    moved = max((value for value in apart if value < float("inf")), default=0.0)
    changed = apart.count(float("inf"))
    return f"answered together instead of alone, {changed} of {len(apart)} answers changed, numbers by up to {moved:.1g}"
