"""Lossy files: candidates from the most to the least aggressive, and the gate that the first of them must pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.contracts import Exporter, Variant
from framework.export import Calibration, candidates, open_backend, paths, size
from framework.graphs import Codec
from framework.measuring import Measured, Yardstick
from framework.plugins import resolve
from framework.verify import Trace, replay


def search(
    yardstick: Yardstick, exporter: Exporter, base: Variant | None, calibration: Calibration | None, reference: Measured
) -> list[Measured]:
    """Every candidate tried. The last ships, under the exporter's name, if any does; no file of another stays."""
    job, options = yardstick.job, yardstick.job.export_options(exporter)
    tried: list[Measured] = []
    for variant in candidates(yardstick.fitted.graphs, exporter, options, job.draft.folder, base, calibration):
        files = paths(job.draft.folder, variant)
        backend = open_backend(yardstick.fitted.graphs, exporter, files, yardstick.fitted.tables)
        name = str(variant.facts.get("precision", f"{exporter.name} {len(tried) + 1}"))
        measured = yardstick.measure(name, size(job.draft.folder, exporter), backend)
        measured.variant, measured.exact = variant, False
        _refit(yardstick, measured)
        _decide(yardstick, measured, reference, options)
        tried.append(measured)
        if measured.shipped:
            measured.name = exporter.name
            return tried
        job.console.say(f"{measured.name}: {measured.decision}")
    job.draft.drop(exporter.name)
    return tried


def _refit(yardstick: Yardstick, measured: Measured) -> None:
    """Chooses again, on validation, what the codec's settings owe to the exact model, and answers with that."""
    task, fitted = yardstick.job.task, yardstick.fitted
    if task.refit is None:
        return
    assert measured.variant is not None
    assert measured.trace is not None
    responses = measured.trace.responses[: len(yardstick.requests)]
    settings: dict[str, Any] = resolve(task.refit)(responses, yardstick.validation, fitted.settings)
    measured.variant = replace(measured.variant, settings=settings)
    codec: Codec = yardstick.job.codec(replace(fitted, settings={**fitted.settings, **settings}))
    everything = [*yardstick.requests, *yardstick.odd_requests()]
    measured.trace = Trace(replay(codec, everything, measured.trace.outputs), measured.trace.outputs)
    yardstick.judge(measured)


def _decide(yardstick: Yardstick, measured: Measured, reference: Measured, options: Any) -> None:
    """Ships when the metric drops by at most ``max_drop``, and the task's loss rises by at most the share ``max_loss_rise``."""
    task = yardstick.job.task
    drop = task.metric.gain(reference.metric, measured.metric)
    measured.shipped = drop <= options.max_drop
    pair = f"{measured.metric:.4f} against {reference.metric:.4f}"
    said = f"{task.metric.name} on validation {pair} (a drop of {options.max_drop} is allowed)"
    if task.loss is not None:
        found, exact = measured.metrics[task.loss], reference.metrics[task.loss]
        measured.shipped &= found <= exact * (1 + options.max_loss_rise)
        said += f", {task.loss} {found:.4f} against {exact:.4f} ({options.max_loss_rise:.0%} more is allowed)"
    assert measured.variant is not None
    how = measured.variant.facts.get("precision", "")
    measured.decision = f"{'shipped' if measured.shipped else 'NOT shipped'} ({how}): {said}; {measured.company}"
