"""Exports a candidate's graphs with every exporter of the recipe; proves exact files, and gates lossy files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from framework.contracts.candidate import Budget
from framework.contracts.codec import Scores
from framework.contracts.data.table import Table
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.graph import Backend, Request, stateful
from framework.contracts.message import joined, message
from framework.errors import FrameworkError
from framework.export.measurement import Measured, Subject, measure
from framework.export.parity import Parity, compare, compare_shapes, run_checks
from framework.export.quantization_gate import search
from framework.export.reports import CODEC, ExportReport, VariantReport
from framework.export.stateful_parity import Lockstep
from framework.export.writing import Calibration, calibration_feeds, export, open_backend, paths, size, weights
from framework.machine.interrupts import Stopped
from framework.runtime.model import RUNNABLE, difference

STATEFUL_ROWS = 200  # validation rows that are answered, at most, where a graph has state, since each row takes many runs
ALONE, COMPARED = 2, 20  # of these, the first rows whose every step is compared: rows answered alone, and all such rows
NOTHING = "there is nothing in this model that it could make smaller"


@dataclass(frozen=True)
class Chosen:
    """An exporter of the recipe, with its options."""

    exporter: Exporter
    options: Any


def export_and_verify(
    subject: Subject,
    exporters: Sequence[Chosen],
    folder: Path,
    calibration: Callable[[], Sequence[Request]],
    say: Callable[[str], None],
    every: int,
    budget: Budget,
) -> ExportReport:
    """Exports into `folder`, proves or gates every file, and reports. Lossy files that do not ship are deleted.

    exporters: each after its base, see `in_order`. calibration: returns requests made from training rows. say: shows a sentence
    about each file. every: number of all validation rows, of which the subject may hold a sample. budget: the first file that
    runs without torch is made however long that takes, others while time remains; a Ctrl-C gives up a file after that one.
    Raises ParityError when an exact file differs from the trained module, or when a check of the codec fails.
    """
    graphs = subject.graphs
    checks = run_checks(subject.opened.fitted.checks, [*subject.requests, *subject.odd_requests()], subject.show)
    backend = subject.opened.reference_backend()
    reference = measure(subject, "trained module", weights(graphs), backend, subject.answered)
    tried: list[VariantReport] = []
    seconds = 0.0  # that the last exporter took for each of its files
    for chosen in exporters if graphs else ():
        name = chosen.exporter.name
        if not chosen.exporter.takes_files and any(isinstance(graph.source, Path) for graph in graphs):
            say(f"{name}: left out, because this model is ONNX already and has no module that it could be made of")
            continue
        ready = any(report.shipped and report.variant.format in RUNNABLE for report in tried)
        if ready and budget.remaining() <= seconds:
            say(f"{name}: left out, because {_why(budget)}")
            continue
        started = time.perf_counter()
        try:
            with budget.stop.giving_up(f"the file {name}") if ready else nullcontext():
                reports = _export(subject, chosen, tried, reference, folder, calibration, say, budget)
        except Stopped:
            shutil.rmtree(folder / name, ignore_errors=True)
            say(f"{name}: left out, because {_why(budget)}")
            continue
        seconds = (time.perf_counter() - started) / max(1, len(reports))
        say(f"{reports[-1].name}: {reports[-1].decision}" if reports else f"{name}: {NOTHING}")
        tried += reports
    if not graphs:
        tried = [codec_alone(subject, reference)]
    count = len(subject.rows)
    rows = (
        message("validation") if count == every else message("{rows:,} of {every:,} validation rows", rows=count, every=every)
    )
    return ExportReport(subject.opened.name, reference.measurement, tuple(tried), tuple(checks), rows)


def _why(budget: Budget) -> str:
    return "the user stopped the run" if budget.stop.asked else "the budget leaves no time for it"


def codec_alone(subject: Subject, reference: Measured) -> VariantReport:
    """The report on the only variant of a candidate without graphs: the codec with its resources."""
    resources = sum(path.stat().st_size for path in subject.opened.resources.rglob("*") if path.is_file())
    variant = Variant({}, "none", name=CODEC, format=CODEC)
    measurement = replace(reference.measurement, bytes=resources)
    decision = message(
        "the codec answers alone, from {resources:,} bytes of resources; there is no graph to export", resources=resources
    )
    return VariantReport(CODEC, variant, measurement, exact=True, shipped=True, decision=decision)


def rows_to_answer(validation: Table, seed: int, *, stateful: bool) -> Table:
    """The validation rows that files are measured on: all, or `STATEFUL_ROWS` random rows where a graph has state."""
    return validation.sample(STATEFUL_ROWS, seed) if stateful else validation


def _export(
    subject: Subject,
    chosen: Chosen,
    tried: Sequence[VariantReport],
    reference: Measured,
    folder: Path,
    calibration: Callable[[], Sequence[Request]],
    say: Callable[[str], None],
    budget: Budget,
) -> list[VariantReport]:
    base = next((report for report in tried if report.shipped and report.name == chosen.exporter.base), None)
    if chosen.exporter.exact:
        return [_prove(subject, chosen, folder, base, reference)]
    feeds = _calibration(subject, calibration, reference.backend) if chosen.exporter.calibrates else None
    return search(subject, chosen.exporter, chosen.options, folder, base, feeds, reference, say, budget)


def _prove(subject: Subject, chosen: Chosen, folder: Path, base: VariantReport | None, reference: Measured) -> VariantReport:
    """Exports an exact file. Raises ParityError unless its outputs equal those of the trained module.

    They are compared on validation rows and on unusual shapes. base: the report on `Exporter.base`; None: it has no base.
    """
    exporter, graphs = chosen.exporter, subject.graphs
    variant = export(graphs, exporter, chosen.options, folder, base.variant if base else None)
    backend = open_backend(graphs, exporter, paths(folder, variant), subject.opened.judged_tables)
    measured = measure(subject, exporter.name, size(folder, exporter), backend)
    parity = _compare(subject, reference, measured)
    parity.require(exporter.name)
    return VariantReport(
        exporter.name, variant, measured.measurement, exact=True, shipped=True, decision=_proof(parity), parity=parity.summary()
    )


def _proof(parity: Parity) -> str:
    parts = [
        message(
            "equals the trained module on {rows:,} rows and {shapes} odd shapes: largest difference {largest:.1e}",
            rows=parity.rows,
            shapes=parity.shapes,
            largest=parity.largest,
        ),
        message("{count} answers differ (at ties within tolerance)", count=parity.close_calls)
        if parity.close_calls
        else message("no answers differ (at ties within tolerance)"),
    ]
    if parity.steps:
        parts.append(message("{steps:,} steps", steps=parity.steps))
    if parity.steps and parity.references:
        parts.append(
            message(
                "{references} equal an independent implementation's, {ties} of them but for ties",
                references=parity.references,
                ties=parity.ties,
            )
        )
    return joined(parts, "; ")


def _compare(subject: Subject, reference: Measured, measured: Measured) -> Parity:
    if stateful(subject.graphs):
        parity = _compare_steps(subject, reference, measured)
    else:
        odd_count = len(measured.trace.responses) - len(subject.requests)
        requests = [*subject.requests, *({"odd request": number} for number in range(odd_count))]
        parity = compare(subject.graphs, requests, reference.trace, measured.trace, subject.show)
    compare_shapes(parity, subject.graphs, reference.backend, measured.backend)
    return parity


def _compare_steps(subject: Subject, reference: Measured, measured: Measured) -> Parity:
    """Compares step by step some rows, all rows with another answer, and scores of targets; also compares with references."""
    codec, requests = subject.codec(), subject.requests
    lockstep = Lockstep(codec, subject.graphs, reference.backend, measured.backend, subject.show)
    all_requests = [*requests, *subject.odd_requests()]
    pairs = enumerate(zip(reference.trace.responses, measured.trace.responses, strict=True))
    changed = {row for row, answers in pairs if difference(*answers) == float("inf")}
    alone = sorted({*range(min(ALONE, len(requests))), *range(len(requests), len(all_requests)), *changed})
    lockstep.compare_alone({row: all_requests[row] for row in alone})
    lockstep.compare_together({row: requests[row] for row in range(min(COMPARED, len(requests))) if row not in alone})
    if not codec.interface().is_argmax:  # a search may answer otherwise without a flip; all these steps were compared
        lockstep.parity.close_calls += len(changed)
    elif changed and not lockstep.parity.close_calls:
        lockstep.parity.failures.append(
            (np.inf, f"{len(changed)} rows are answered otherwise, and none of their steps was close")
        )
    if isinstance(codec, Scores):
        targets = subject.task.targets(subject.rows)
        lockstep.compare_scores([codec.score(*pair) for pair in zip(requests, targets, strict=True)])
    lockstep.compare_references(subject.references)
    return lockstep.parity


def _calibration(subject: Subject, requests: Callable[[], Sequence[Request]], backend: Backend) -> Calibration:
    if stateful(subject.graphs):
        raise FrameworkError(f"{subject.opened.name} fits graphs with state and must say so: stateful = True in its class")
    return calibration_feeds(subject.codec(), backend, subject.graphs, subject.opened.judged_tables, requests())
