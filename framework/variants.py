"""Exports every variant, proves the exact ones, puts the lossy ones under the gate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from framework.contracts import Exporter, Fitted, Section, Variant
from framework.data.table import Table
from framework.errors import ParityError
from framework.export import export, open_backend, paths, size, weights
from framework.graphs import Backend, Request
from framework.job import Job
from framework.plugins import resolve
from framework.runtime.model import difference
from framework.runtime.scheduler import Scheduler
from framework.verify import Parity, Trace, compare, compare_shapes, run_checks, trace

SINGLES = 40  # requests timed one at a time


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
    trace: Trace | None = field(default=None, repr=False)
    backend: Backend | None = field(default=None, repr=False)
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
class Variants:
    """reference: the trained module. `checks`: what was proven about pre-processing."""

    reference: Measured
    all: list[Measured]
    checks: list[str]
    requests: Sequence[Request]

    @property
    def shipped(self) -> list[Measured]:
        return [measured for measured in self.all if measured.shipped]

    @property
    def default(self) -> Measured | None:
        """What the runtime opens: the smallest shipped ONNX variant, unless it is clearly slower than an exact one."""
        runnable = [m for m in self.shipped if m.variant is not None and m.variant.format == "onnx"]
        fastest = max((m.per_second for m in runnable), default=0.0)
        return min((m for m in runnable if m.per_second > 0.8 * fastest), key=lambda m: m.bytes, default=None)


def export_and_verify(job: Job, fitted: Fitted, validation: Table) -> Variants:
    """Raises ParityError when an exact file differs from the model; a lossy file that fails its gate is removed."""
    from framework.modules import ModuleBackend

    codec = job.codec(fitted)
    requests = job.requests(codec, validation)
    checks = run_checks(fitted.checks, codec, [*requests, *job.odd_requests()])
    module = ModuleBackend(fitted.graphs)
    reference = _measure(job, fitted, "trained module", weights(fitted.graphs), module, validation)
    found: dict[str, Measured] = {}
    for exporter in job.exporters:
        base = found[exporter.base].variant if exporter.base else None
        variant = export(fitted.graphs, exporter, job.export_options(exporter), job.draft.folder, base)
        backend = open_backend(fitted.graphs, exporter, paths(job.draft.folder, variant))
        bytes_ = size(job.draft.folder, exporter)
        measured = _measure(job, fitted, exporter.name, bytes_, backend, validation)
        measured.variant, measured.exact = variant, exporter.exact
        measured.parity = _compare(fitted, requests, reference, measured, module, backend)
        _decide(job, exporter, measured, reference)
        found[exporter.name] = measured
        job.console.say(f"{exporter.name}: {measured.decision}")
    return Variants(reference, list(found.values()), checks, requests)


def _measure(job: Job, fitted: Fitted, name: str, bytes_: int, backend: Backend, validation: Table) -> Measured:
    """The metric on every validation row, and speed; requests of the shapes at the edges are answered along."""
    codec = job.codec(fitted)
    requests = job.requests(codec, validation)
    everything = [*requests, *job.odd_requests()]
    started = time.perf_counter()
    traced = trace(codec, backend, fitted.graphs, everything)
    rate = len(everything) / (time.perf_counter() - started)
    scheduler = Scheduler(codec, backend, fitted.graphs)
    singles, alone = [], []
    for request in requests[:SINGLES]:
        started = time.perf_counter()
        alone += scheduler.answer([request])
        singles.append(1000 * (time.perf_counter() - started))
    company = _company([difference(*pair) for pair in zip(alone, traced.responses[:SINGLES], strict=False)])
    metrics = resolve(job.task.evaluate)(traced.responses[: len(requests)], validation, {}).metrics
    metric = metrics[job.task.metric.name]
    return Measured(name, bytes_, metric, metrics, median(singles), rate, trace=traced, backend=backend, company=company)


def _company(apart: Sequence[float]) -> str:
    """Dynamic quantization scales a whole batch by its largest value, so a request's answer depends on its company."""
    moved = max((value for value in apart if value < float("inf")), default=0.0)
    changed = apart.count(float("inf"))
    return f"answered together instead of alone, {changed} of {len(apart)} answers changed, numbers by up to {moved:.1g}"


def _compare(
    fitted: Fitted, requests: Sequence[Request], reference: Measured, measured: Measured, module: Backend, backend: Backend
) -> Parity:
    assert reference.trace is not None
    assert measured.trace is not None
    count = len(measured.trace.responses)
    named = [*requests, *({"odd request": i} for i in range(count - len(requests)))]
    parity = compare(fitted.graphs, named, reference.trace, measured.trace)
    shapes = parity if measured.exact else Parity()
    compare_shapes(shapes, fitted.graphs, module, backend)
    if np.isnan(shapes.largest):
        raise ParityError(f"{measured.name} gives no number on one of {shapes.shapes} odd shapes")
    return parity


def _decide(job: Job, exporter: Exporter, measured: Measured, reference: Measured) -> None:
    """An exact file must be equal. A lossy one ships when the metric on validation stays within ``max_drop``."""
    parity, name = measured.parity, job.task.metric.name
    assert parity is not None
    if exporter.exact:
        parity.require(exporter.name)
        measured.decision = (
            f"equals the trained module on {parity.rows:,} rows and {parity.shapes} odd shapes: "
            f"largest difference {parity.largest:.1e}; {parity.close_calls or 'no'} answers differ (at ties within tolerance)"
        )
        return
    allowed = job.export_options(exporter).max_drop
    drop = job.task.metric.gain(reference.metric, measured.metric)
    measured.shipped = drop <= allowed
    verb = "shipped" if measured.shipped else "NOT shipped"
    agreement = 1 - (parity.flips + parity.close_calls) / max(parity.rows, 1)
    measured.decision = (
        f"{verb}: {name} on validation {measured.metric:.4f} against {reference.metric:.4f}, where a drop of {allowed} "
        f"is allowed; same answer on {agreement:.1%} of rows, largest difference {parity.largest:.3f}; {measured.company}"
    )
    if not measured.shipped:
        job.draft.drop(exporter.name)


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
            "" if m.variant is None else "yes" if m.shipped else "no",
        )
        for m in [variants.reference, *variants.all]
    ]
    header = ("file", "MB", "ms for one", "a second in batches", *names, "ships")
    note = "\n".join(["Metrics on validation, which the decisions are taken on.", *variants.checks])
    return Section("Files", header, rows, note, leads=True)
