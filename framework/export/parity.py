"""Compares exported files with the trained model, from raw requests to responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np

from framework.contracts.codec import Call, Check, Codec
from framework.contracts.facts import ParitySummary
from framework.contracts.graph import Backend, Graph, Request, Response, Tensors
from framework.contracts.message import message
from framework.errors import ParityError
from framework.runtime.model import difference
from framework.runtime.scheduler import Record, Scheduler

BATCHES, FEW_BATCHES = (1, 3, 7), (1, 3)  # batch sizes; the fewer for graphs with state, whose runs are large
SHAPES = 64  # odd shapes of a graph, above which not all sizes of its axes are combined
WORST = 5  # rows in the message about a file that fails
Show = Callable[[Any], Any]  # makes a request or response presentable, without personal data


@dataclass(frozen=True)
class Trace:
    """The responses of one backend to requests."""

    responses: list[Response]
    outputs: Record
    """The outputs of every call, by request; empty where a graph has state."""


@dataclass
class Parity:
    """How far a file's outputs are from the model's."""

    rows: int = 0
    """Compared requests."""
    shapes: int = 0
    """Compared graph runs with odd batch and axis sizes."""
    largest: float = 0.0
    """Largest absolute difference of any output."""
    flips: int = 0
    """Decisions with another argmax, beyond tolerance."""
    close_calls: int = 0
    """Decisions with another argmax whose margin is below the tolerance; they count as equal."""
    steps: int = 0
    """Compared graph runs that start from the same state, where a graph has state."""
    references: int = 0
    """Answers compared with those of an independent implementation."""
    ties: int = 0
    """References that differ because two outputs were as good as equal."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    """Of each comparison beyond tolerance, the difference and a message."""

    def summary(self) -> ParitySummary:
        return ParitySummary(
            self.rows, self.shapes, self.largest, self.flips, self.close_calls, self.steps, self.references, self.ties
        )

    def require(self, name: str) -> None:
        """Raises ParityError with the worst failures, if there are any. name: of the file."""
        if self.failures:
            worst = [line for _, line in sorted(self.failures, key=lambda failure: -failure[0])[:WORST]]
            raise ParityError(
                f"{name} does not compute what the trained model computes: {len(self.failures)} of "
                f"{self.rows + self.shapes} comparisons differ; the worst:\n" + "\n".join(worst)
            )


def trace(scheduler: Scheduler, requests: Sequence[Request]) -> Trace:
    """Answers requests and records the outputs of every call."""
    outputs: Record = []
    return Trace(scheduler.answer(requests, None if scheduler.stateful else outputs), outputs)


def answer_from(outputs: Record, codec: Codec, requests: Sequence[Request]) -> list[Response]:
    """The codec's responses to requests, from recorded outputs in place of runs."""
    responses = []
    for request, recorded in zip(requests, outputs, strict=True):
        steps, remaining = codec.start(request), iter(recorded)
        try:
            step = next(steps)
            while True:
                step = steps.send(next(remaining)[1]) if isinstance(step, Call) else next(steps)
        except StopIteration as end:
            responses.append(end.value)
    return responses


def run_checks(checks: Sequence[Check], requests: Sequence[Request], show: Show = dict) -> list[str]:
    """The names of the checks, with the number of requests. Raises ParityError with the rows on which a check fails."""
    for check in checks:
        wrong = check.run(requests)
        if wrong:
            rows = [row_name(row, requests[row], show) for row in wrong[:WORST]]
            raise ParityError(f"{check.name}: not so on {len(wrong)} of {len(requests)} rows:\n" + "\n".join(rows))
    return [message("{check} ({rows:,} rows)", check=check.name, rows=len(requests)) for check in checks]


def compare(graphs: Sequence[Graph], requests: Sequence[Request], expected: Trace, actual: Trace, show: Show = dict) -> Parity:
    """Compares two traces request by request, call by call."""
    parity = Parity(rows=len(requests))
    by_name = {graph.name: graph for graph in graphs}
    for row, (request, expected_calls, calls) in enumerate(zip(requests, expected.outputs, actual.outputs, strict=True)):
        place = row_name(row, request, show)
        close_calls = parity.close_calls
        if [name for name, _ in expected_calls] != [name for name, _ in calls]:
            parity.failures.append((np.inf, f"{place}: {len(calls)} calls where the model made {len(expected_calls)}"))
            continue
        for (name, reference), (_, outputs) in zip(expected_calls, calls, strict=True):
            compare_outputs(parity, by_name[name], place, reference, outputs)
        if parity.close_calls == close_calls and difference(expected.responses[row], actual.responses[row]) == float("inf"):
            answers = f"{show(actual.responses[row])} where the model says {show(expected.responses[row])}"
            parity.failures.append((np.inf, f"{place}: {answers}"))
    return parity


def row_name(row: int, request: Request, show: Show) -> str:
    """A row in messages: its number, from 1, and its presentable request."""
    return f"row {row + 1}, {show(request)}"[:110]


def compare_shapes(parity: Parity, graphs: Sequence[Graph], reference: Backend, backend: Backend) -> None:
    """Compares each graph on odd batch sizes, and on the smallest, an odd and the largest size of every axis."""
    for graph in graphs:
        assert graph.example is not None
        for sizes in _shapes(graph):
            feeds = graph.example(sizes)
            parity.shapes += 1
            compare_outputs(parity, graph, str(sizes), reference.run(graph.name, feeds), backend.run(graph.name, feeds))


def _shapes(graph: Graph) -> Iterator[dict[str, int]]:
    """Odd sizes of a graph's axes. A state leaves room for the positions that the run appends to it."""
    seen: list[dict[str, int]] = []
    for sizes in odd_sizes(graph.axes, FEW_BATCHES if graph.state else BATCHES):
        for state, appended in graph.growing:
            sizes[state] = min(sizes[state], graph.axes[state][1] - sizes[appended])
        if sizes not in seen:
            seen.append(dict(sizes))
            yield sizes


def odd_sizes(axes: Mapping[str, tuple[int, int]], batches: Sequence[int] = BATCHES) -> Iterator[dict[str, int]]:
    """Every combination of sizes; of many axes, each size with the smallest sizes of the other axes, and with the largest."""
    choices = {axis: sorted({low, min(low + 12, high), high}) for axis, (low, high) in axes.items()}
    if len(batches) * prod(map(len, choices.values())) <= SHAPES:
        for batch, *sizes in product(batches, *choices.values()):
            yield {"batch": batch, **dict(zip(axes, sizes, strict=True))}
        return
    combinations = [{axis: sizes[end] for axis, sizes in choices.items()} | {axis: size}
                    for end in (0, -1) for axis, axis_sizes in choices.items() for size in axis_sizes]  # fmt: skip
    for batch in batches:
        yield from ({"batch": batch, **sizes} for place, sizes in enumerate(combinations) if sizes not in combinations[:place])


def compare_outputs(parity: Parity, graph: Graph, place: str, expected: Tensors, actual: Tensors) -> None:
    """Compares the outputs of one run and adds the result to `parity`. place: names the run in messages."""
    for name, tolerance in graph.tolerance.items():
        reference, output = expected[name], actual[name]
        if reference.shape != output.shape:
            parity.failures.append((np.inf, f"{place}: {name} has shape {output.shape}, expected {reference.shape}"))
            continue
        largest = float(np.abs(reference - output).max(initial=0.0))
        if name in graph.unscaled:
            largest /= max(1.0, float(np.abs(reference).max(initial=0.0)))
        if not largest <= tolerance:  # also catches NaN
            parity.failures.append((largest, f"{place}: {name} differs by {largest:.2g}, tolerance {tolerance:.0e}"))
        parity.largest = max(parity.largest, largest) if largest == largest else float("nan")
        if name == graph.decides:
            _compare_decisions(parity, place, reference, output, tolerance)
        if name in graph.thresholds:
            _compare_choices(parity, place, reference, output, np.asarray(graph.thresholds[name]), tolerance)
    if graph.ranks is not None:
        ids, scores = graph.ranks
        _compare_rankings(
            parity, place, [outputs[ids] for outputs in (expected, actual)], expected[scores], graph.tolerance[scores]
        )


def _compare_decisions(parity: Parity, place: str, expected: np.ndarray, actual: np.ndarray, tolerance: float) -> None:
    """expected, actual: (..., classes)."""
    flipped = expected.argmax(-1) != actual.argmax(-1)
    if not flipped.any():
        return
    top = np.sort(expected, axis=-1)
    margin = (top[..., -1] - top[..., -2])[flipped]
    close = int((margin < tolerance).sum())
    parity.close_calls += close
    parity.flips += int(flipped.sum()) - close
    if close < flipped.sum():
        parity.failures.append((1.0, f"{place}: another answer although the model's margin is {margin.max():.2g}"))


def _compare_choices(
    parity: Parity, place: str, expected: np.ndarray, actual: np.ndarray, thresholds: np.ndarray, tolerance: float
) -> None:
    """expected, actual: (..., choices). thresholds: (choices,). A row counts once, however many of its choices differ."""
    flipped = (expected >= thresholds) != (actual >= thresholds)
    margins = np.where(flipped, np.abs(expected - thresholds), 0.0).max(-1)[flipped.any(-1)]
    close = int((margins < tolerance).sum())
    parity.close_calls += close
    parity.flips += len(margins) - close
    if close < len(margins):
        parity.failures.append((1.0, f"{place}: another answer although the model's margin is {margins.max():.2g}"))


def _compare_rankings(parity: Parity, place: str, ids: Sequence[np.ndarray], scores: np.ndarray, tolerance: float) -> None:
    """Ids may differ only where their scores are as good as equal.

    ids: of the model and of the file, each (rows, k), the best first. scores: of the model, (rows, k).
    """
    for expected, actual, row_scores in zip(*ids, scores, strict=True):
        moved = np.flatnonzero(expected != actual)
        if not len(moved):
            continue
        by_id = dict(zip(expected.tolist(), row_scores.tolist(), strict=True))
        apart = max(abs(by_id.get(int(actual[rank]), float(row_scores[-1])) - float(row_scores[rank])) for rank in moved)
        if apart > 2 * tolerance:  # both scores may be off by the tolerance
            parity.flips += 1
            names = f"{actual[moved].tolist()[:5]} where the model ranks {expected[moved].tolist()[:5]}"
            parity.failures.append((apart, f"{place}: {names}, scores {apart:.2g} apart"))
        else:
            parity.close_calls += 1
