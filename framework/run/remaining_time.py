"""Estimates how long a run takes after its fits, from the speed of the candidates fitted so far, so that fits end in time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contracts.data.table import Table
from framework.contracts.exporter import Exporter
from framework.contracts.graph import stateful
from framework.evaluation.judge import requests_of
from framework.evaluation.opened import Opened
from framework.export.variants import STATEFUL_ROWS
from framework.plugins import AnyTask
from framework.runtime.scheduler import Scheduler

SAMPLE, STATEFUL_SAMPLE = 64, 2  # validation rows that are answered to measure the speed, at most
WRITING = 15.0  # seconds to export a module to a file, open it and run it on unusual shapes; a tenth of that from an ONNX file
ATTEMPTS = 2  # files that a lossy exporter is expected to try before one ships
FINISHING = 10.0  # seconds of report, seal and replay


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


def measure_speed(task: AnyTask, candidate: Opened, validation: Table, opening: float) -> Speed:
    """Measures the speed on some validation rows. validation: all of them. opening: seconds that opening the candidate took."""
    has_state = stateful(candidate.graphs)
    rows = validation.take(range(min(len(validation), STATEFUL_SAMPLE if has_state else SAMPLE)))
    codec = candidate.codec()
    requests = requests_of(task, codec, rows)
    scheduler = Scheduler(codec, candidate.backend(), candidate.graphs)
    scheduler.answer(requests[:1])  # the first run is slower
    started = time.perf_counter()
    scheduler.answer(requests)
    seconds = (time.perf_counter() - started) / max(1, len(requests))
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
    judged = [slowest, *(speed for name, speed in speeds.items() if name not in competing)]
    return shortlist + _exporting(slowest, rows.validation, exporters) + seconds_after_export(judged, rows.test)


def seconds_after_export(judged: Sequence[Speed], test: int) -> float:
    """Expected seconds from the last exported file to the end of the run.

    judged: speeds of the candidate that ships and of the baselines. test: number of test rows.
    """
    return sum(speed.opening + speed.row * test for speed in judged) + FINISHING


def _exporting(speed: Speed, validation: int, exporters: Sequence[Exporter]) -> float:
    answering, writing = _answering(speed, validation), WRITING if speed.module else WRITING / 10
    files = [1 if exporter.exact else ATTEMPTS for exporter in exporters]
    return speed.opening + answering + sum(files) * (writing + answering)


def _answering(speed: Speed, validation: int) -> float:
    return speed.row * (min(validation, STATEFUL_ROWS) if speed.stateful else validation)
