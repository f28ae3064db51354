"""Estimates how long a run takes after its fits, from the speed of the candidates fitted so far, and divides its budget."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np

from framework.contracts.candidate import Budget
from framework.contracts.data.table import Table
from framework.contracts.exporter import Exporter
from framework.contracts.graph import stateful
from framework.contracts.message import message
from framework.data.by_length import batches_by_length
from framework.errors import InputError
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import Opened
from framework.export.variants import STATEFUL_ROWS
from framework.export.writing import in_order
from framework.plugins import AnyTask, load_plugins
from framework.run.context import Run
from framework.runtime.scheduler import RunFailedError, Scheduler

POOL = 1000  # validation rows, at most, from which those are taken that are answered to measure the speed
BATCH, BATCHES = 16, 4  # rows of a batch and batches that are answered then, at most
STATEFUL = 8  # rows that are answered then, at most, where a graph has state
FILES = 0.25  # share of the remaining budget that is kept, at most, for files after the first, which may be left out
AFTER = 0.4  # share of the remaining budget that is kept for export and judging until the speed of a candidate is measured
TRAINING = 0.25  # least time for a training of a generator, as a share of what its file, proof and judging take
ENOUGH = 60.0  # seconds that a bounded fit gets before others share: a training does not learn much in less
WRITING = 15.0  # seconds to export a module to a file, open it and run it on unusual shapes; a tenth of that where it is a file
FROM_BASE = 4.5  # the same to make INT8 of a module's file (of MiniLM, calibration included); with state it takes `WRITING`
ATTEMPTS = 2  # files that a lossy exporter is expected to try before one ships
FINISHING = 6.0  # seconds of report, seal and replay
ANSWERED = 2  # times that validation rows are answered until a file ships: by its candidate, and by the file


@dataclass(frozen=True)
class Speed:
    """How fast a fitted candidate answers, before any export."""

    opening: float
    """Seconds to open the candidate."""
    row: float
    """Seconds to answer one row in a batch."""
    stateful: bool = False
    """Whether a graph of the candidate has state."""
    module: bool = False
    """Whether a graph of the candidate is a torch module: exporting one takes longer than exporting an ONNX file."""


@dataclass(frozen=True)
class Rows:
    """Numbers of rows that are answered after the fits."""

    validation: int
    test: int


def budget_of_fit(run: Run, name: str, ended: Mapping[str, Speed | None], rows: Rows, part: float) -> Budget:
    """The budget of a candidate's fit: a part of what the stages after the fits leave.

    name: of the candidate. ended: the speeds of the candidates whose fits have ended, by name; None: it was refused. part:
    from 0 to 1. Raises InputError where no time is left for the fit.
    """
    if run.budget.seconds is None:
        return run.budget.share(part)
    candidate, exporters, speeds = run.candidates[name], _exporters(run), _measured(ended)
    competing = [other for other in run.competing if other not in ended or other in speeds]
    if candidate.stateful and any(speed.stateful for speed in speeds.values()):
        budget = _budget_of_generator(run, name, speeds, rows, exporters, competing)
    elif any(other in run.competing and run.candidates[other].role == "model" for other in speeds):
        every, first = (seconds_after_fits(speeds, competing, rows, files) for files in (exporters, exporters[:1]))
        budget = run.budget.without(min(every, max(first, FILES * run.budget.remaining())))
    elif candidate.bounded:
        budget = _budget_of_bounded(run.budget.without(WRITING + FINISHING), rows, part)
        part = 1.0
    else:
        budget = run.budget.without(AFTER * run.budget.remaining())
    if candidate.role == "model" and not budget.remaining():
        raise InputError(_used_up(run))
    return replace(budget.share(part), answers=budget.answers, beyond=budget.beyond)


def _budget_of_bounded(budget: Budget, rows: Rows, part: float) -> Budget:
    """The budget of a bounded fit: its part of what is left, or `ENOUGH` seconds of it where that is more."""
    left = budget.remaining()
    seconds = min(left, max(ENOUGH, part * left))
    share = budget.share(seconds / left) if left else budget.share(0)
    return replace(share, answers=ANSWERED * rows.validation + rows.test, beyond=left - seconds)


def _used_up(run: Run) -> str:
    return message(
        "no time is left for it: {remaining:.0f} s remain of budget={budget}, which files, proofs and judging take; write more",
        remaining=run.budget.remaining(),
        budget=run.config.budget,
    )


def _budget_of_generator(
    run: Run, name: str, speeds: Mapping[str, Speed], rows: Rows, exporters: Sequence[Exporter], competing: Sequence[str]
) -> Budget:
    """What the budget leaves for the fit of a candidate with state, by the speed of the slowest measured one with state, such
    as its backbone before the training.

    All files are counted if that leaves time for the training, otherwise the first. Raises InputError with the least budget
    where no time is left for a training.
    """
    probe = max((speed for speed in speeds.values() if speed.stateful), key=lambda speed: speed.row)
    speeds, after = {**speeds, name: speeds.get(name, probe)}, 0.0
    for files in (exporters, exporters[:1]):
        after = seconds_after_fits(speeds, competing, rows, files)
        budget = run.budget.without(after)
        if budget.remaining() >= TRAINING * after:
            estimate = f"about {after:.0f} s for files, proofs and judging, by the speed of answers on this machine"
            run.console.say(f"{run.candidates[name].title}: of the budget are kept {estimate}")
            return budget
    raise InputError(
        message(
            "budget={budget} is too short for it: its files, proofs and judging alone take about {after:.0f} s, by the speed "
            "of answers on this machine; the least is about budget={least}m",
            budget=run.config.budget,
            after=after,
            least=ceil((run.budget.elapsed() + (1 + TRAINING) * after) / 60),
        )
    )


def _measured(ended: Mapping[str, Speed | None]) -> dict[str, Speed]:
    return {name: speed for name, speed in ended.items() if speed is not None}


def expect_end(run: Run, ended: Mapping[str, Speed | None], rows: Rows) -> None:
    """Notes which competing candidates could ship if the user stopped the run now, and how long that would take.

    ended: as of `budget_of_fit`.
    """
    speeds = _measured(ended)
    fitted = [name for name in run.competing if name in speeds]
    if fitted:
        run.stopping.expect(seconds_after_fits(speeds, fitted, rows, _exporters(run)[:1]), fitted)


def _exporters(run: Run) -> list[Exporter]:
    return in_order([load_plugins().exporter(str(name)) for name in run.config.export])


def measure_speed(task: AnyTask, candidate: Opened, validation: Table, opening: float) -> Speed:
    """Measures the speed on some validation rows. validation: all of them. opening: seconds that opening the candidate took."""
    has_state = stateful(candidate.graphs)
    codec = candidate.codec()
    requests = requests_of(task, codec, validation.take(range(min(len(validation), STATEFUL if has_state else POOL))))
    scheduler = Scheduler(codec, candidate.backend(), candidate.graphs)
    batches = [np.arange(len(requests))]
    if not has_state and requests:
        lengths = [len(str(request)) for request in requests]  # most graphs take longer for longer requests
        warming, batches = batches_by_length(lengths, BATCH, BATCHES)
        scheduler.answer([requests[warming[0]]])  # the first run is slower, which does not matter where an answer takes many
    started = time.perf_counter()
    for batch in batches:
        try:
            scheduler.answer([requests[number] for number in batch])
        except RunFailedError as error:
            raise RunFailedError(int(batch[error.number - 1]) + 1, error.error) from error
    seconds = (time.perf_counter() - started) / max(1, sum(map(len, batches)))
    return Speed(opening, seconds, has_state, any(not isinstance(graph.source, Path) for graph in candidate.graphs))


def seconds_after_fits(
    speeds: Mapping[str, Speed], competing: Sequence[str], rows: Rows, exporters: Sequence[Exporter]
) -> float:
    """Expected seconds from the last fit to the end of the run, if the slowest competing candidate measured so far ships.

    speeds: of the candidates measured so far, baselines included. competing: names of all competing candidates; one that is
    not measured yet counts like the slowest measured one. Raises ValueError if no competing candidate is measured.
    """
    slowest = max((speeds[name] for name in competing if name in speeds), key=lambda speed: speed.row)
    compared = [speeds.get(name, slowest) for name in competing] if len(competing) > 1 else []
    shortlist = sum(speed.opening + _answering(speed, rows.validation) for speed in compared)
    if compared:  # the module's answers to the validation rows serve the comparison with its files, too
        shortlist -= _answering(slowest, rows.validation)
    judged = [slowest, *(speed for name, speed in speeds.items() if name not in competing)]
    return shortlist + _exporting(slowest, rows.validation, exporters) + seconds_after_export(judged, rows.test)


def seconds_after_export(judged: Sequence[Speed], test: int) -> float:
    """Expected seconds from the last exported file to the end of the run.

    judged: speeds of the candidate that ships and of the baselines. test: number of test rows.
    """
    return sum(speed.opening + speed.row * test for speed in judged) + FINISHING


def _exporting(speed: Speed, validation: int, exporters: Sequence[Exporter]) -> float:
    answering, writing = _answering(speed, validation), WRITING if speed.module else WRITING / 10
    from_base = writing if speed.stateful else min(writing, FROM_BASE)
    seconds = speed.opening + answering
    for exporter in exporters:
        attempts = 1 if exporter.exact else ATTEMPTS
        seconds += attempts * ((writing if exporter.base is None else from_base) + answering)
    return seconds


def _answering(speed: Speed, validation: int) -> float:
    return speed.row * (min(validation, STATEFUL_ROWS) if speed.stateful else validation)
