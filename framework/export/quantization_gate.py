"""Lossy files: candidates from the most to the least aggressive, the gate that the first of them must pass, and whether it is
worth shipping beside the exact file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.contracts.exporter import Exporter, Variant
from framework.contracts.facts import Measurement
from framework.contracts.message import Message, joined, message
from framework.contracts.task import Refits
from framework.export.measurement import Measured, Subject, judged, measure
from framework.export.parity import Trace, replay
from framework.export.reports import VariantReport
from framework.export.writing import Calibration, candidates, open_backend, paths, size

SMALLER = 0.9  # of the exact file's bytes at most, for a file that is clearly smaller
FASTER = 1.25  # times at least, for one that is clearly faster: two timings of one file may lie this far apart


@dataclass(frozen=True)
class Verdict:
    """Whether a lossy file ships."""

    holds: bool
    """It keeps metric and loss."""
    ships: bool
    """It is worth having, too."""
    reason: str
    """Why it does not ship, in a word or two."""
    sentence: str


def search(
    subject: Subject,
    exporter: Exporter,
    options: Any,
    folder: Path,
    base: VariantReport | None,
    calibration: Calibration | None,
    reference: Measured,
    say: Callable[[str], None],
) -> list[VariantReport]:
    """Every candidate tried. The last ships, under the exporter's name, if any does; no file of another stays.

    base: the exact file that the exporter starts from. One that keeps the metric but is no gain over it ends the search: those
    after it are less aggressive, and so no smaller.
    """
    tried: list[VariantReport] = []
    exact = base.measurement if base else reference.measurement
    start = base.variant if base else None
    for written in candidates(subject.graphs, exporter, options, folder, start, calibration):
        backend = open_backend(subject.graphs, exporter, paths(folder, written), subject.opened.fitted.tables)
        measured = measure(subject, written.precision, size(folder, exporter), backend)
        variant, measured = _refitted(subject, written, measured)
        verdict = _verdict(subject, exporter, options, measured.measurement, reference.measurement, exact, base)
        decision = _decision(verdict, written.precision, measured.measurement.batch_effect)
        name = exporter.name if verdict.ships else written.precision
        tried.append(VariantReport(name, variant, measured.measurement, False, verdict.ships, decision, verdict.reason))
        if verdict.ships:
            return tried
        if verdict.holds:
            break
        say(f"{name}: {decision}")
    shutil.rmtree(folder / exporter.name)
    return tried


def _decision(verdict: Verdict, precision: str, batch_effect: str) -> str:
    if verdict.ships:
        first = message("shipped ({precision}): {sentence}", precision=precision, sentence=verdict.sentence)
    else:
        first = message("NOT shipped ({precision}): {sentence}", precision=precision, sentence=verdict.sentence)
    return joined([first, batch_effect], "; ")


def _refitted(subject: Subject, variant: Variant, measured: Measured) -> tuple[Variant, Measured]:
    """Chooses again, on validation, what the codec's settings owe to the exact model, and answers with that."""
    if not isinstance(subject.task, Refits):
        return variant, measured
    responses = measured.trace.responses[: len(subject.requests)]
    settings = subject.task.refit(responses, subject.rows, subject.opened.fitted.codec.settings)
    codec = subject.codec(settings)
    everything = [*subject.requests, *subject.odd_requests()]
    again = Trace(replay(codec, everything, measured.trace.outputs), measured.trace.outputs)
    return replace(variant, settings=settings), judged(subject, replace(measured, trace=again), codec)


def _verdict(
    subject: Subject,
    exporter: Exporter,
    options: Any,
    lossy: Measurement,
    reference: Measurement,
    exact: Measurement,
    base: VariantReport | None,
) -> Verdict:
    """Ships when the metric drops by at most ``max_drop``, the task's loss rises by at most the share ``max_loss_rise``, and it
    is a gain over the exact file, unless not ``must_help``.
    """
    name, loss = subject.metric.name, subject.task.loss
    drop = subject.metric.gain(reference.metrics[name], lossy.metrics[name])
    holds: bool = drop <= options.max_drop
    parts = [
        message(
            "{metric} on validation {value:.4f} against {before:.4f} (a drop of {drop} is allowed)",
            metric=name,
            value=lossy.metrics[name],
            before=reference.metrics[name],
            drop=options.max_drop,
        )
    ]
    if loss is not None and loss in lossy.metrics:
        value, before = lossy.metrics[loss], reference.metrics[loss]
        holds &= value <= before * (1 + options.max_loss_rise)
        parts.append(
            message(
                "{loss} {value:.4f} against {before:.4f} ({rise:.0%} more is allowed)",
                loss=loss,
                value=value,
                before=before,
                rise=options.max_loss_rise,
            )
        )
    helps, gain = gains(lossy, exact, base.name if base else message("the trained module"))
    ships = holds and (helps or not options.must_help)
    reason = "" if ships else message("no gain") if holds else message("loses too much")
    if holds and not ships:
        gain = message(
            "no gain: {gain}, where {smaller:.0%} smaller or {faster:g} times as fast is asked for "
            "(export.{exporter}.must_help=false ships it all the same)",
            gain=gain,
            smaller=1 - SMALLER,
            faster=FASTER,
            exporter=exporter.name,
        )
    return Verdict(holds, ships, reason, joined([joined(parts, ", "), gain], "; "))


def gains(lossy: Measurement, exact: Measurement, name: str) -> tuple[bool, Message]:
    """Whether a lossy file is worth having beside the exact one, and how they compare. name: of the exact file.

    It is where it is clearly smaller and does not lose more speed than it saves in size, or clearly faster, answering together
    or alone, and not clearly slower the other way, nor larger. Speeds within `FASTER` of each other count as equal.
    """
    share = lossy.bytes / exact.bytes
    together, alone = lossy.per_second / exact.per_second, exact.milliseconds / lossy.milliseconds
    best, worst = max(together, alone), min(together, alone)
    smaller = share <= SMALLER and best >= min(share, 1 / FASTER)
    faster = share <= 1 / SMALLER and best >= FASTER and worst >= 1 / FASTER
    comparison = message(
        "{share:.1%} of the size of {file}, {together:.2f} times as fast in batches, {alone:.2f} alone",
        share=share,
        file=name,
        together=together,
        alone=alone,
    )
    return smaller or faster, comparison
