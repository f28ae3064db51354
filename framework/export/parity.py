"""Proves that exported files compute what the trained model computes, from raw requests on."""

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

BATCHES, FEW_BATCHES = (1, 3, 7), (1, 3)  # the fewer for graphs with state, whose runs are large
SHAPES = 64  # odd shapes of a graph above which not all sizes of its axes are combined
WORST = 5  # rows shown when a file fails
Show = Callable[[Any], Any]  # a request or response as it may be shown


@dataclass(frozen=True)
class Trace:
    """The responses of one backend, and the outputs of every call behind them; none where a graph has state."""

    responses: list[Response]
    outputs: Record


@dataclass
class Parity:
    """How far a file's outputs are from the model's.

    rows: requests compared. shapes: graph runs with odd batch and axis sizes compared.
    largest: the largest absolute difference of any output. flips: rows with another argmax.
    close_calls: rows with another argmax whose margin is below the tolerance, which counts as equal.
    steps: graph runs compared from the same state on, where a graph has state. references: answers held to those of an
        independent implementation. ties: of these, the ones that differ after two outputs were as good as equal.
    """

    rows: int = 0
    shapes: int = 0
    largest: float = 0.0
    flips: int = 0
    close_calls: int = 0
    steps: int = 0
    references: int = 0
    ties: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)

    def summary(self) -> ParitySummary:
        return ParitySummary(
            self.rows, self.shapes, self.largest, self.flips, self.close_calls, self.steps, self.references, self.ties
        )

    def require(self, name: str) -> None:
        """Raises ParityError with the worst rows when anything differs beyond tolerance."""
        if self.failures:
            worst = [line for _, line in sorted(self.failures, key=lambda failure: -failure[0])[:WORST]]
            raise ParityError(
                f"{name} does not compute what the trained model computes: {len(self.failures)} of "
                f"{self.rows + self.shapes} comparisons differ; the worst:\n" + "\n".join(worst)
            )


def trace(scheduler: Scheduler, requests: Sequence[Request]) -> Trace:
    """Answers requests and keeps the outputs of every call."""
    outputs: Record = []
    return Trace(scheduler.answer(requests, None if scheduler.stateful else outputs), outputs)


def replay(codec: Codec, requests: Sequence[Request], outputs: Record) -> list[Response]:
    """The responses a codec makes of outputs that were recorded, without running anything again."""
    responses = []
    for request, recorded in zip(requests, outputs, strict=True):
        steps, left = codec.start(request), iter(recorded)
        try:
            step = next(steps)
            while True:
                step = steps.send(next(left)[1]) if isinstance(step, Call) else next(steps)
        except StopIteration as end:
            responses.append(end.value)
    return responses


def run_checks(checks: Sequence[Check], requests: Sequence[Request], show: Show = dict) -> list[str]:
    """The names of the checks that hold. Raises ParityError with the rows on which one does not."""
    for check in checks:
        wrong = check.run(requests)
        if wrong:
            rows = [where(row, requests[row], show) for row in wrong[:WORST]]
            raise ParityError(f"{check.name}: not so on {len(wrong)} of {len(requests)} rows:\n" + "\n".join(rows))
    return [message("{check} ({rows:,} rows)", check=check.name, rows=len(requests)) for check in checks]


def compare(graphs: Sequence[Graph], requests: Sequence[Request], expected: Trace, found: Trace, show: Show = dict) -> Parity:
    """Row by row, call by call. A row that differs is named by its number and what may be shown of it."""
    parity = Parity(rows=len(requests))
    by_name = {graph.name: graph for graph in graphs}
    for row, (request, ours, theirs) in enumerate(zip(requests, expected.outputs, found.outputs, strict=True)):
        place = where(row, request, show)
        ties = parity.close_calls
        if [name for name, _ in ours] != [name for name, _ in theirs]:
            parity.failures.append((np.inf, f"{place}: {len(theirs)} calls where the model made {len(ours)}"))
            continue
        for (name, reference), (_, outputs) in zip(ours, theirs, strict=True):
            compare_outputs(parity, by_name[name], place, reference, outputs)
        if parity.close_calls == ties and difference(expected.responses[row], found.responses[row]) == float("inf"):
            answers = f"{show(found.responses[row])} where the model says {show(expected.responses[row])}"
            parity.failures.append((np.inf, f"{place}: {answers}"))
    return parity


def where(row: int, request: Request, show: Show) -> str:
    return f"row {row + 1}, {show(request)}"[:110]


def compare_shapes(parity: Parity, graphs: Sequence[Graph], reference: Backend, backend: Backend) -> None:
    """Runs each graph on odd batch sizes and on the smallest, an odd and the largest size of every axis."""
    for graph in graphs:
        assert graph.example is not None
        for sizes in _shapes(graph):
            feeds = graph.example(sizes)
            parity.shapes += 1
            compare_outputs(parity, graph, str(sizes), reference.run(graph.name, feeds), backend.run(graph.name, feeds))


def _shapes(graph: Graph) -> Iterator[dict[str, int]]:
    """Odd sizes of a graph's axes; a state and what is appended to it are together no longer than the state may become."""
    seen: list[dict[str, int]] = []
    for sizes in odd_sizes(graph.axes, FEW_BATCHES if graph.state else BATCHES):
        for state, new in graph.growing:
            sizes[state] = min(sizes[state], graph.axes[state][1] - sizes[new])
        if sizes not in seen:
            seen.append(dict(sizes))
            yield sizes


def odd_sizes(axes: Mapping[str, tuple[int, int]], batches: Sequence[int] = BATCHES) -> Iterator[dict[str, int]]:
    """Every combination; of many axes each one's sizes beside the smallest of the others, and beside the largest."""
    choices = {axis: sorted({low, min(low + 12, high), high}) for axis, (low, high) in axes.items()}
    if len(batches) * prod(map(len, choices.values())) <= SHAPES:
        for batch, *sizes in product(batches, *choices.values()):
            yield {"batch": batch, **dict(zip(axes, sizes, strict=True))}
        return
    found = [{axis: sizes[end] for axis, sizes in choices.items()} | {axis: size}
             for end in (0, -1) for axis, own in choices.items() for size in own]  # fmt: skip
    for batch in batches:
        yield from ({"batch": batch, **sizes} for place, sizes in enumerate(found) if sizes not in found[:place])


def compare_outputs(parity: Parity, graph: Graph, place: str, expected: Tensors, found: Tensors) -> None:
    for name, tolerance in graph.tolerance.items():
        ours, theirs = expected[name], found[name]
        if ours.shape != theirs.shape:
            parity.failures.append((np.inf, f"{place}: {name} has shape {theirs.shape}, expected {ours.shape}"))
            continue
        apart = float(np.abs(ours - theirs).max(initial=0.0))
        if name in graph.unscaled:
            apart /= max(1.0, float(np.abs(ours).max(initial=0.0)))
        if not apart <= tolerance:  # also catches NaN
            parity.failures.append((apart, f"{place}: {name} differs by {apart:.2g}, tolerance {tolerance:.0e}"))
        parity.largest = max(parity.largest, apart) if apart == apart else float("nan")
        if name == graph.decides:
            _compare_decisions(parity, place, ours, theirs, tolerance)
    if graph.ranks is not None:
        ids, scores = graph.ranks
        _compare_rankings(
            parity, place, [outputs[ids] for outputs in (expected, found)], expected[scores], graph.tolerance[scores]
        )


def _compare_decisions(parity: Parity, place: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    flipped = ours.argmax(-1) != theirs.argmax(-1)
    if not flipped.any():
        return
    top = np.sort(ours, axis=-1)
    margin = (top[..., -1] - top[..., -2])[flipped]
    close = int((margin < tolerance).sum())
    parity.close_calls += close
    parity.flips += int(flipped.sum()) - close
    if close < flipped.sum():
        parity.failures.append((1.0, f"{place}: another answer although the model's margin is {margin.max():.2g}"))


def _compare_rankings(parity: Parity, place: str, ids: Sequence[np.ndarray], scores: np.ndarray, tolerance: float) -> None:
    """Ids (rows, k), the best first. Where two swap places, or the last makes way, their scores must be as good as equal."""
    ours, theirs = ids
    for mine, other, own in zip(ours, theirs, scores, strict=True):
        moved = np.flatnonzero(mine != other)
        if not len(moved):
            continue
        score = dict(zip(mine.tolist(), own.tolist(), strict=True))
        apart = max(abs(score.get(int(other[at]), float(own[-1])) - float(own[at])) for at in moved)
        parity.close_calls += 1
        if apart > 2 * tolerance:  # each of the two may be off by as much
            parity.close_calls -= 1
            parity.flips += 1
            names = f"{other[moved].tolist()[:5]} where the model ranks {mine[moved].tolist()[:5]}"
            parity.failures.append((apart, f"{place}: {names}, scores {apart:.2g} apart"))
