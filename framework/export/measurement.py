"""Measures a variant, or the trained module: metrics on validation rows, size, speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from statistics import median

from framework.contracts.codec import Codec, Reference, Settings
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.contracts.facts import Measurement
from framework.contracts.graph import Backend, Graph, Request, Response, Tensors, stateful
from framework.contracts.message import Message, message
from framework.contracts.task import Answers
from framework.evaluation.opened import Opened
from framework.evaluation.scoring import answering_and_scoring, scores_of
from framework.export.parity import Show, Trace, answer_from, trace
from framework.plugins import AnyTask
from framework.runtime.model import difference
from framework.runtime.scheduler import Record, Scheduler

SINGLES, LONG_SINGLES = 40, 4  # requests timed one at a time; LONG_SINGLES where graphs have state, so each takes many runs
Progress = Callable[[str, int], AbstractContextManager[Callable[[], object]]]  # (title, rows) -> a callback for each row


@contextmanager
def silent(title: str, rows: int) -> Iterator[Callable[[], object]]:
    """A `Progress` that shows nothing."""
    yield lambda: None


@dataclass(frozen=True)
class Answered:
    """How the trained module answered the validation rows when its candidate was chosen."""

    responses: Sequence[Response]
    scores: Sequence[Response]
    """Of the rows' targets, if the codec is a `Scores`; else empty."""
    seconds: float
    """That all rows together took."""
    outputs: Record = field(default_factory=list)
    """Those of every call, by row; empty where graphs have state."""


@dataclass(frozen=True)
class Subject:
    """A fitted candidate, and the validation rows on which each of its files is measured and compared."""

    opened: Opened
    task: AnyTask
    metric: Metric
    rows: Table
    requests: Sequence[Request]
    """The requests of the rows, as the codec parses them."""
    references: Sequence[Reference] = ()
    """Pairs from `Fitted.references`; empty: there are none."""
    show: Show = dict
    """Makes a request or a response presentable."""
    progress: Progress = silent
    answered: Answered | None = None
    """What the module answered when the candidate was chosen; None: it answers the rows now."""

    @property
    def graphs(self) -> tuple[Graph, ...]:
        return self.opened.graphs

    def codec(self, settings: Settings | None = None) -> Codec:
        """A codec of the candidate. settings: replace those of the candidate; None: all stay."""
        return self.opened.codec(settings)

    def odd_requests(self) -> list[Request]:
        """The codec's edge cases, see `Codec.odd_requests`; where a graph has state, with fields that keep answers short."""
        codec = self.codec()
        odd = codec.odd_requests()
        if not stateful(self.graphs):
            return odd
        return [{**codec.interface().golden_overrides, **request} for request in odd]

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables that graphs take."""
        return sum(table.nbytes for table in self.opened.fitted.tables.values())


@dataclass(frozen=True)
class Measured:
    """A measurement and the answers behind it."""

    measurement: Measurement
    backend: Backend
    trace: Trace
    """Answers to the rows, then to `Subject.odd_requests`."""
    scores: Sequence[Response]
    """The scores of the rows' targets, if the codec is a `Scores`; else empty."""

    def metric(self, subject: Subject) -> float:
        """The metric that the subject is judged by."""
        return self.measurement.metrics[subject.metric.name]


def measure(subject: Subject, name: str, size: int, backend: Backend, answered: Answered | None = None) -> Measured:
    """Answers every row and edge case, see `Subject.odd_requests`, and measures metrics and speed.

    name: what is measured, to show. size: bytes of weights or files, without the tables that graphs take. answered: by the same
    backend; edge cases alone are answered then. None: the rows are, too.
    """
    odd, codec = subject.odd_requests(), subject.codec()
    with subject.progress(name, len(odd) + (0 if answered else len(subject.requests))) as one_more:
        scheduler = Scheduler(codec, backend, subject.graphs, answered=one_more)
        if answered is not None:
            of_odd, scores = trace(scheduler, odd), answered.scores
            answers = Trace([*answered.responses, *of_odd.responses], [*answered.outputs, *of_odd.outputs])
            rate = len(answered.responses) / answered.seconds
        else:
            if not scheduler.stateful:  # warm-up; it does not matter where runs are long
                Scheduler(codec, backend, subject.graphs).answer(subject.requests[:1])
            started = time.perf_counter()
            answers, scores = _answer_all(subject, scheduler, odd)
            rate = len(answers.responses) / (time.perf_counter() - started)
    milliseconds, batch_effect = _answer_alone(subject, scheduler, answers)
    scores = scores or scores_of(scheduler, subject.requests, subject.task.targets(subject.rows))
    measurement = Measurement(size + subject.table_bytes, {}, milliseconds, rate, batch_effect)
    return with_metrics(subject, Measured(measurement, backend, answers, scores))


def with_metrics(subject: Subject, measured: Measured, codec: Codec | None = None) -> Measured:
    """`measured` with the metrics of its responses. codec: the codec that made them; None: that of the subject."""
    codec = codec or subject.codec()
    answers = Answers(codec, judged_responses(subject, measured.trace, codec), measured.scores)
    metrics = subject.task.evaluate(answers, subject.rows).metrics
    return replace(measured, measurement=replace(measured.measurement, metrics=metrics))


def judged_responses(subject: Subject, answers: Trace, codec: Codec) -> Sequence[Response]:
    """The responses to the rows, without what the model learned from these rows. codec: the codec that made them."""
    if subject.opened.fitted.held_out is None:
        return answers.responses[: len(subject.requests)]
    return answer_from(judged_outputs(subject, answers), codec, subject.requests)


def judged_outputs(subject: Subject, answers: Trace) -> Record:
    """The outputs of every call for the rows, without what the model learned from these rows."""
    held_out, outputs = subject.opened.fitted.held_out, answers.outputs[: len(subject.requests)]
    return outputs if held_out is None else _held_out(outputs, held_out)


def held_out_responses(
    outputs: Record, held_out: Callable[[Tensors], Tensors], codec: Codec, requests: Sequence[Request]
) -> list[Response]:
    """The responses to requests from recorded outputs, each replaced as `Fitted.held_out` does."""
    return answer_from(_held_out(outputs, held_out), codec, requests)


def _held_out(outputs: Record, held_out: Callable[[Tensors], Tensors]) -> Record:
    return [[(graph, held_out(tensors)) for graph, tensors in calls] for calls in outputs]


def _answer_alone(subject: Subject, scheduler: Scheduler, answers: Trace) -> tuple[float, str]:
    """Median milliseconds of one request alone, and a sentence on how batches changed answers.

    answers: the answers in batches.
    """
    count = LONG_SINGLES if scheduler.stateful else SINGLES
    times, alone = [], []
    for request in subject.requests[:count]:
        started = time.perf_counter()
        alone += scheduler.answer([request])
        times.append(1000 * (time.perf_counter() - started))
    return median(times), _batch_effect([difference(*pair) for pair in zip(alone, answers.responses[:count], strict=False)])


def _answer_all(subject: Subject, scheduler: Scheduler, odd: Sequence[Request]) -> tuple[Trace, Sequence[Response]]:
    """Answers to every row and edge case; for graphs with state also scores of the rows' targets, else ().

    With state, the calls at the beginning of answering and of scoring are run once for both.
    """
    requests = subject.requests
    if not (scheduler.stateful and hasattr(scheduler.codec, "score")):
        return trace(scheduler, [*requests, *odd]), ()
    pairs = answering_and_scoring(scheduler, requests, subject.task.targets(subject.rows))
    results = scheduler.complete([*pairs, *(scheduler.codec.start(request) for request in odd)])
    rows, others = results[: len(requests)], results[len(requests) :]
    return Trace([*(row["response"] for row in rows), *others], []), [row["scores"] for row in rows]


def _batch_effect(differences: Sequence[float]) -> Message:
    """How batches changed answers. Dynamic quantization, for one, scales activations by the largest value of the batch.

    differences: for each request, `difference` between its answers alone and in a batch.
    """
    moved = max((value for value in differences if value < float("inf")), default=0.0)
    changed = differences.count(float("inf"))
    return message(
        "answered together instead of alone, {changed} of {count} answers changed, numbers by up to {moved:.1g}",
        changed=changed,
        count=len(differences),
        moved=moved,
    )
