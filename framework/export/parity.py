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

BATCHES, FEW_BATCHES = (1, 3, 7), (1, 3)  # compared batch sizes; FEW_BATCHES for graphs with state, whose runs are large
SHAPES = 64  # combinations of sizes of a graph's axes up to which `odd_sizes` makes all of them
WORST = 5  # failures that an error message names, at most
Show = Callable[[Any], Any]  # makes a request or response presentable, without personal data


@dataclass(frozen=True)
class Trace:
    """The responses of one backend to requests."""

    responses: list[Response]
    outputs: Record
    """The outputs of every call, by request; empty where a graph has state."""


@dataclass
class Parity:
    """How far the outputs of a file are from those of the trained module."""

    rows: int = 0
    """Compared requests."""
    shapes: int = 0
    """Compared graph runs with unusual batch and axis sizes."""
    largest: float = 0.0
    """Largest difference of any output, absolute or, for `Graph.unscaled`, relative."""
    flips: int = 0
    """Answers with another argmax or ranking that the tolerance does not explain; they are failures."""
    close_calls: int = 0
    """Answers with another argmax or ranking that the tolerance explains; they count as equal."""
    steps: int = 0
    """Compared runs of graphs with state, each from the state of the trained module."""
    references: int = 0
    """Answers compared with those of `Fitted.references`."""
    ties: int = 0
    """Answers that differ from their reference where the two best logits of a decision were as good as equal; no failures."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    """The difference, inf where it has no number, and a message for each comparison that failed."""

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
    """Answers requests and records the outputs of every call, except where a graph has state."""
    outputs: Record = []
    return Trace(scheduler.answer(requests, None if scheduler.stateful else outputs), outputs)


def answer_from(outputs: Record, codec: Codec, requests: Sequence[Request]) -> list[Response]:
    """The codec's responses to requests, from the recorded outputs of their calls; no graph runs."""
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
    """Runs the checks; returns their names, each with the number of requests. Raises ParityError if a check fails."""
    for check in checks:
        wrong = check.run(requests)
        if wrong:
            rows = [row_name(row, requests[row], show) for row in wrong[:WORST]]
            raise ParityError(f"{check.name}: not so on {len(wrong)} of {len(requests)} rows:\n" + "\n".join(rows))
    return [message("{check} ({rows:,} rows)", check=check.name, rows=len(requests)) for check in checks]


def compare(graphs: Sequence[Graph], requests: Sequence[Request], expected: Trace, actual: Trace, show: Show = dict) -> Parity:
    """Compares the trace of a file, `actual`, with that of the trained module, `expected`, call by call.

    The responses of a request are compared only where no close call explains a difference.
    """
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


def changed_answers(graphs: Sequence[Graph], expected: Record, actual: Record) -> float | None:
    """The share of requests whose one decision, the argmax of `Graph.decides`, a lossy file changes. None where no output
    decides, where it decides more than once a request, as for each token, and where outputs are not recorded.
    """
    by_name, changed = {graph.name: graph for graph in graphs}, []
    for before, after in zip(expected, actual, strict=True):
        for (name, reference), (_, outputs) in zip(before, after, strict=False):
            decides = by_name[name].decides
            if decides is None or reference[decides].ndim > 2:
                return None
            changed.append(bool((reference[decides].argmax(-1) != outputs[decides].argmax(-1)).any()))
    return sum(changed) / len(changed) if changed else None


def row_name(row: int, request: Request, show: Show) -> str:
    """A row in messages: its number, from 1, and its presentable request, cut to 110 characters."""
    return f"row {row + 1}, {show(request)}"[:110]


def compare_shapes(parity: Parity, graphs: Sequence[Graph], reference: Backend, backend: Backend) -> None:
    """Compares each graph at several batch sizes, and at the smallest, a middle and the largest size of every axis."""
    for graph in graphs:
        assert graph.example is not None
        for sizes in _shapes(graph):
            feeds = graph.example(sizes)
            parity.shapes += 1
            compare_outputs(parity, graph, str(sizes), reference.run(graph.name, feeds), backend.run(graph.name, feeds))


def _shapes(graph: Graph) -> Iterator[dict[str, int]]:
    """The sizes of a graph's axes to compare at. A state is short enough that the run can append its output to it."""
    seen: list[dict[str, int]] = []
    for sizes in odd_sizes(graph.axes, FEW_BATCHES if graph.state else BATCHES):
        for state_axis, appended_axis in graph.growing:
            sizes[state_axis] = min(sizes[state_axis], graph.axes[state_axis][1] - sizes[appended_axis])
        if sizes not in seen:
            seen.append(dict(sizes))
            yield sizes


def odd_sizes(axes: Mapping[str, tuple[int, int]], batches: Sequence[int] = BATCHES) -> Iterator[dict[str, int]]:
    """Every combination of the smallest, a middle and the largest size of each axis, for each batch size.

    Where these are more than `SHAPES`: each size of an axis with the smallest sizes of the others, and with the largest.
    """
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
    """Compares the argmax over classes. expected, actual: (..., classes)."""
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
    """Compares rankings: ids may differ only where their scores are at most twice the tolerance apart.

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
