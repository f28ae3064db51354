"""What one way to run a model gives and costs: metrics on validation, size, speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from statistics import median

from framework.contracts.codec import Codec, Reference, Settings
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.contracts.facts import Measurement
from framework.contracts.graph import Backend, Graph, Request, Response, stateful
from framework.contracts.message import Message, message
from framework.contracts.task import Answers
from framework.evaluation.opened import Opened
from framework.evaluation.scoring import answering_and_scoring, scores_of
from framework.export.parity import Show, Trace, trace
from framework.plugins import AnyTask
from framework.runtime.model import difference
from framework.runtime.scheduler import Scheduler

SINGLES, LONG_SINGLES = 40, 4  # requests timed one at a time; where each takes many runs
Progress = Callable[[str, int], AbstractContextManager[Callable[[], object]]]  # (what, rows) -> what is called for each row


@contextmanager
def silent(what: str, rows: int) -> Iterator[Callable[[], object]]:
    """A `Progress` that shows nothing."""
    yield lambda: None


@dataclass(frozen=True)
class Subject:
    """A fitted candidate and the validation rows that each of its files is measured and proven on."""

    opened: Opened
    task: AnyTask
    metric: Metric
    rows: Table
    requests: Sequence[Request]
    """Of the rows, as the codec parses them."""
    references: Sequence[Reference] = ()
    """Answers by an independent implementation."""
    show: Show = dict
    """What may be shown of a request or a response."""
    progress: Progress = silent

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.opened.graphs

    def codec(self, more: Settings | None = None) -> Codec:
        return self.opened.codec(more)

    def odd_requests(self) -> list[Request]:
        """Requests at the edges, short to answer where each takes many runs: it is what they ask that is odd."""
        codec = self.codec()
        odd = codec.odd_requests()
        if not stateful(self.graphs):
            return odd
        return [{**codec.interface().golden_overrides, **request} for request in odd]

    @property
    def table_bytes(self) -> int:
        """Of the tables that graphs share."""
        return sum(table.nbytes for table in self.opened.fitted.tables.values())


@dataclass(frozen=True)
class Measured:
    """A measurement, and the answers that it rests on."""

    measurement: Measurement
    backend: Backend
    trace: Trace
    """Of the rows, then of the odd requests."""
    scores: Sequence[Response]
    """What the model says of the answers that the rows hold, where its codec has scores."""

    def metric(self, subject: Subject) -> float:
        return self.measurement.metrics[subject.metric.name]


def measure(subject: Subject, name: str, size: int, backend: Backend) -> Measured:
    """The metrics on every row, and speed; requests of the shapes at the edges are answered along.

    size: bytes of weights or files; the tables that graphs share are added.
    """
    odd = subject.odd_requests()
    with subject.progress(name, len(subject.requests) + len(odd)) as answered:
        codec = subject.codec()
        scheduler = Scheduler(codec, backend, subject.graphs, answered=answered)
        if not scheduler.stateful:  # what the first answer prepares is no part of the rate; long runs hide it
            Scheduler(codec, backend, subject.graphs).answer(subject.requests[:1])
        started = time.perf_counter()
        answers, scores = _answers(subject, scheduler, odd)
    rate = len(answers.responses) / (time.perf_counter() - started)
    milliseconds, batch_effect = _alone(subject, scheduler, answers)
    scores = scores or scores_of(scheduler, subject.requests, subject.task.targets(subject.rows))
    measurement = Measurement(size + subject.table_bytes, {}, milliseconds, rate, batch_effect)
    return judged(subject, Measured(measurement, backend, answers, scores))


def judged(subject: Subject, measured: Measured, codec: Codec | None = None) -> Measured:
    """With the metrics that follow from the responses in the trace. codec: that made them, if it is not the subject's own."""
    responses = measured.trace.responses[: len(subject.requests)]
    answers = Answers(codec or subject.codec(), responses, measured.scores)
    metrics = subject.task.evaluate(answers, subject.rows).metrics
    return replace(measured, measurement=replace(measured.measurement, metrics=metrics))


def _alone(subject: Subject, scheduler: Scheduler, answers: Trace) -> tuple[float, str]:
    """Milliseconds of one request alone, and how its answer differs from the one in company."""
    count = LONG_SINGLES if scheduler.stateful else SINGLES
    singles, alone = [], []
    for request in subject.requests[:count]:
        started = time.perf_counter()
        alone += scheduler.answer([request])
        singles.append(1000 * (time.perf_counter() - started))
    return median(singles), _batch_effect([difference(*pair) for pair in zip(alone, answers.responses[:count], strict=False)])


def _answers(subject: Subject, scheduler: Scheduler, odd: Sequence[Request]) -> tuple[Trace, Sequence[Response]]:
    """Of every row and odd request; where graphs have state the rows' scores too, which begin with the same long run."""
    requests = subject.requests
    if not (scheduler.stateful and hasattr(scheduler.codec, "score")):
        return trace(scheduler, [*requests, *odd]), ()
    pairs = answering_and_scoring(scheduler, requests, subject.task.targets(subject.rows))
    results = scheduler.complete([*pairs, *(scheduler.codec.start(request) for request in odd)])
    rows, others = results[: len(requests)], results[len(requests) :]
    return Trace([*(row["response"] for row in rows), *others], []), [row["scores"] for row in rows]


def _batch_effect(apart: Sequence[float]) -> Message:
    """Where activations are scaled by the largest value of a batch, a request's answer depends on the others in it."""
    moved = max((value for value in apart if value < float("inf")), default=0.0)
    changed = apart.count(float("inf"))
    return message(
        "answered together instead of alone, {changed} of {count} answers changed, numbers by up to {moved:.1g}",
        changed=changed,
        count=len(apart),
        moved=moved,
    )
