"""Lossy files: candidates from the most to the least aggressive, the gate that the first of them must pass, and whether it is
worth shipping beside the exact file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.contracts.codec import Codec
from framework.contracts.exporter import Exporter
from framework.export.measurement import Measured, Yardstick
from framework.export.parity import Trace, replay
from framework.export.writing import Calibration, candidates, open_backend, paths, size
from framework.plugins import resolve

SMALLER = 0.9  # of the exact file's bytes at most, for a file that is clearly smaller
FASTER = 1.25  # times at least, for one that is clearly faster: two timings of one file may lie this far apart


def search(
    yardstick: Yardstick, exporter: Exporter, base: Measured | None, calibration: Calibration | None, reference: Measured
) -> list[Measured]:
    """Every candidate tried. The last ships, under the exporter's name, if any does; no file of another stays.

    base: the exact file that the exporter starts from. One that keeps the metric but is no gain over it ends the search: those
    after it are less aggressive, and so no smaller.
    """
    job, options = yardstick.job, yardstick.job.export_options(exporter)
    tried: list[Measured] = []
    start = base.variant if base else None
    for variant in candidates(yardstick.fitted.graphs, exporter, options, job.draft.folder, start, calibration):
        files = paths(job.draft.folder, variant)
        backend = open_backend(yardstick.fitted.graphs, exporter, files, yardstick.fitted.tables)
        name = str(variant.facts.get("precision", f"{exporter.name} {len(tried) + 1}"))
        measured = yardstick.measure(name, size(job.draft.folder, exporter), backend)
        measured.variant, measured.exact = variant, False
        _refit(yardstick, measured)
        kept = _decide(yardstick, exporter, measured, reference, base or reference)
        tried.append(measured)
        if measured.shipped:
            measured.name = exporter.name
            return tried
        if kept:
            break
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


def _decide(yardstick: Yardstick, exporter: Exporter, measured: Measured, reference: Measured, exact: Measured) -> bool:
    """Ships when the metric drops by at most ``max_drop``, the task's loss rises by at most the share ``max_loss_rise``, and it
    is a gain over the exact file, unless not ``must_help``. Whether metric and loss are kept.
    """
    task, options = yardstick.job.task, yardstick.job.export_options(exporter)
    drop = task.metric.gain(reference.metric, measured.metric)
    kept: bool = drop <= options.max_drop
    pair = f"{measured.metric:.4f} against {reference.metric:.4f}"
    said = f"{task.metric.name} on validation {pair} (a drop of {options.max_drop} is allowed)"
    if task.loss is not None:
        loss, before = measured.metrics[task.loss], reference.metrics[task.loss]
        kept &= loss <= before * (1 + options.max_loss_rise)
        said += f", {task.loss} {loss:.4f} against {before:.4f} ({options.max_loss_rise:.0%} more is allowed)"
    helps, gain = gains(measured, exact)
    measured.shipped = kept and (helps or not options.must_help)
    measured.reason = "" if measured.shipped else "no gain" if kept else "loses too much"
    if measured.reason == "no gain":
        asked = f"{1 - SMALLER:.0%} smaller or {FASTER:g} times as fast is asked for"
        gain = f"no gain: {gain}, where {asked} (export.{exporter.name}.must_help=false ships it all the same)"
    assert measured.variant is not None
    how = measured.variant.facts.get("precision", "")
    measured.decision = f"{'shipped' if measured.shipped else 'NOT shipped'} ({how}): {said}; {gain}; {measured.company}"
    return kept


def gains(lossy: Measured, exact: Measured) -> tuple[bool, str]:
    """Whether a lossy file is worth having beside the exact one, and how they compare.

    It is where it is clearly smaller and does not lose more speed than it saves in size, or clearly faster, answering together
    or alone, and not clearly slower the other way, nor larger. Speeds within `FASTER` of each other count as equal.
    """
    size = lossy.bytes / exact.bytes
    together, alone = lossy.per_second / exact.per_second, exact.milliseconds / lossy.milliseconds
    best, worst = max(together, alone), min(together, alone)
    smaller = size <= SMALLER and best >= min(size, 1 / FASTER)
    faster = size <= 1 / SMALLER and best >= FASTER and worst >= 1 / FASTER
    speed = f"{together:.2f} times as fast in batches, {alone:.2f} alone"
    return smaller or faster, f"{size:.1%} of the size of {exact.name}, {speed}"
