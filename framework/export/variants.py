"""Exports every variant, proves the exact ones, puts the lossy ones under the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.contracts.candidate import Fitted
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.graph import Backend, stateful
from framework.contracts.section import Section
from framework.contracts.table import Splits, Table
from framework.data.splitting.independent import judged
from framework.errors import FrameworkError
from framework.export.measurement import Measured, Yardstick
from framework.export.parity import Parity, compare, compare_shapes, run_checks
from framework.export.quantization_gate import search
from framework.export.stateful_parity import Lockstep
from framework.export.writing import Calibration, calibration_feeds, export, open_backend, paths, size, weights
from framework.run.job import Job
from framework.runtime.model import difference

CALIBRATION_ROWS = 200  # training rows that lossy exporters may look at
WRITTEN = 200  # validation rows that are answered where a graph has state: each takes many runs
ALONE, STEPPED = 2, 20  # of them, whose every step is compared: answered alone, and in all


@dataclass(frozen=True)
class Variants:
    """reference: the trained module. `all`: every file tried. `checks`: what was proven about pre-processing.

    rows: what the metrics are on.
    """

    reference: Measured
    all: list[Measured]
    checks: list[str]
    rows: str

    @property
    def shipped(self) -> list[Measured]:
        return [measured for measured in self.all if measured.shipped]

    @property
    def default(self) -> Measured | None:
        """What the runtime opens: the smallest shipped ONNX variant, unless it is clearly slower than an exact one."""
        runnable = [m for m in self.shipped if m.variant is not None and m.variant.format == "onnx"]
        fastest = max((m.per_second for m in runnable), default=0.0)
        return min((m for m in runnable if m.per_second > 0.8 * fastest), key=lambda m: m.bytes, default=None)


def export_and_verify(job: Job, fitted: Fitted, splits: Splits) -> Variants:
    """Raises ParityError when an exact file differs from the model. Lossy files that fail the gate or are no gain leave."""
    from framework.export.module_backend import fitted_backend

    codec = job.codec(fitted)
    shows = job.console.disclosure.value
    checks = run_checks(fitted.checks, codec, [*job.requests(codec, splits.validation), *job.odd_requests()], shows)
    module = fitted_backend(fitted)
    validation = rows_to_answer(splits.validation, fitted, job.config.seed)
    requests = job.requests(codec, validation)
    references = fitted.references(codec, requests) if fitted.references is not None else []
    yardstick = Yardstick(job, fitted, validation, requests, references)
    reference = yardstick.measure("trained module", weights(fitted.graphs), module)
    tried: list[Measured] = []
    for exporter in job.exporters:
        base = next((m for m in tried if m.shipped and m.name == exporter.base), None)
        if exporter.exact:
            found = [_prove(yardstick, exporter, base.variant if base else None, reference, module)]
        else:
            feeds = _calibration(yardstick, splits, module) if exporter.calibrates else None
            found = search(yardstick, exporter, base, feeds, reference)
        tried += found
        nothing = "there is nothing in this model that it could make smaller"
        job.console.say(f"{found[-1].name}: {found[-1].decision}" if found else f"{exporter.name}: {nothing}")
    every, some = len(splits.validation), len(validation)
    return Variants(reference, tried, checks, "validation" if some == every else f"{some:,} of {every:,} validation rows")


def rows_to_answer(validation: Table, fitted: Fitted, seed: int) -> Table:
    """The rows that files are judged on: all of them, or at random `WRITTEN` where a graph has state."""
    return validation.sample(WRITTEN, seed) if stateful(fitted.graphs) else validation


def _prove(yardstick: Yardstick, exporter: Exporter, base: Variant | None, reference: Measured, module: Backend) -> Measured:
    """An exact file: it must equal the trained module on every validation row and on odd shapes."""
    job, fitted = yardstick.job, yardstick.fitted
    variant = export(fitted.graphs, exporter, job.export_options(exporter), job.draft.folder, base)
    backend = open_backend(fitted.graphs, exporter, paths(job.draft.folder, variant), fitted.tables)
    measured = yardstick.measure(exporter.name, size(job.draft.folder, exporter), backend)
    measured.variant = variant
    measured.parity = parity = _compare(yardstick, reference, measured, module, backend)
    parity.require(exporter.name)
    measured.decision = (
        f"equals the trained module on {parity.rows:,} rows and {parity.shapes} odd shapes: "
        f"largest difference {parity.largest:.1e}; {parity.close_calls or 'no'} answers differ (at ties within tolerance)"
    )
    if parity.steps:
        held = f"; {parity.references} equal an independent implementation's, {parity.ties} of them but for ties"
        measured.decision += f"; {parity.steps:,} steps{held if parity.references else ''}"
    return measured


def _compare(yardstick: Yardstick, reference: Measured, measured: Measured, module: Backend, backend: Backend) -> Parity:
    assert reference.trace is not None
    assert measured.trace is not None
    graphs, requests, show = yardstick.fitted.graphs, yardstick.requests, yardstick.job.console.disclosure.value
    count = len(measured.trace.responses)
    if stateful(graphs):
        parity = _compare_steps(yardstick, reference, measured, module, backend)
    else:
        named = [*requests, *({"odd request": i} for i in range(count - len(requests)))]
        parity = compare(graphs, named, reference.trace, measured.trace, show)
    compare_shapes(parity, graphs, module, backend)
    return parity


def _compare_steps(yardstick: Yardstick, reference: Measured, measured: Measured, module: Backend, backend: Backend) -> Parity:
    """Step by step: some rows and all that came out otherwise, the answers that rows hold, and independent references."""
    assert reference.trace is not None
    assert measured.trace is not None
    job, requests = yardstick.job, yardstick.requests
    codec: Any = job.codec(yardstick.fitted)
    together = Lockstep(codec, yardstick.fitted.graphs, module, backend, job.console.disclosure.value)
    everything = [*requests, *yardstick.odd_requests()]
    pairs = enumerate(zip(reference.trace.responses, measured.trace.responses, strict=True))
    other = {row for row, answers in pairs if difference(*answers) == float("inf")}
    alone = sorted({*range(min(ALONE, len(requests))), *range(len(requests), len(everything)), *other})
    together.answers({row: everything[row] for row in alone})
    together.answers_together({row: requests[row] for row in range(min(STEPPED, len(requests))) if row not in alone})
    if not codec.interface().greedy:  # all steps of these were compared
        together.parity.close_calls += len(other)
    elif other and not together.parity.close_calls:
        together.parity.failures.append(
            (np.inf, f"{len(other)} rows are answered otherwise, and none of their steps was close")
        )
    if job.task.scores:
        targets = job.task.targets(yardstick.validation)
        together.likelihoods([codec.score(*pair) for pair in zip(requests, targets, strict=True)])
    together.references(yardstick.references)
    return together.parity


def _calibration(yardstick: Yardstick, splits: Splits, module: Backend) -> Calibration:
    job, fitted = yardstick.job, yardstick.fitted
    if stateful(fitted.graphs):
        raise FrameworkError(f"{job.task.model.name} fits graphs with state and must say so: Candidate(..., stateful=True)")
    codec = job.codec(fitted)
    some = splits.train.take(range(min(CALIBRATION_ROWS, len(splits.train))))
    return calibration_feeds(codec, module, fitted, job.requests(codec, judged(job.task, some)))


def files_table(variants: Variants) -> Section:
    """Size, speed and metrics of the trained module and every file."""
    names = list(variants.reference.metrics)
    rows = [
        (
            m.name,
            f"{m.bytes / 1e6:.1f}",
            f"{m.milliseconds:.1f}",
            f"{m.per_second:.0f}",
            *(f"{m.metrics[name]:.4f}" for name in names),
            "" if m.variant is None else "yes" if m.shipped else f"no: {m.reason}",
        )
        for m in [variants.reference, *variants.all]
    ]
    header = ("file", "MB", "ms for one", "a second in batches", *names, "ships")
    note = "\n".join([f"Metrics on {variants.rows}, which the decisions are taken on.", *variants.checks])
    return Section("Files", header, rows, note, leads=True)
