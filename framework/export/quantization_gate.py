"""The search for a lossy file: attempts from the most to the least aggressive, of which the first ships that passes the gate
and is clearly smaller or faster than the exact file.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.contracts.candidate import Budget
from framework.contracts.exporter import Exporter, Variant
from framework.contracts.facts import Measurement
from framework.contracts.message import Message, joined, message
from framework.contracts.task import Refits
from framework.export.measurement import Measured, Subject, judged_outputs, judged_responses, measure, with_metrics
from framework.export.parity import Trace, answer_from, changed_answers
from framework.export.reports import VariantReport
from framework.export.writing import Calibration, candidates, open_backend, paths, size

SMALLER = 0.9  # share of the exact file's bytes, at most, of a file that is clearly smaller
FASTER = 1.25  # speed-up, at least, of a file that is clearly faster; two timings of one file may differ as much
LOST = 0.2  # right answers that are lost on balance, as a share of the answers that a file changes, about


@dataclass(frozen=True)
class Verdict:
    """Whether a lossy file ships."""

    holds: bool
    """Whether the file keeps metric and loss within the bounds."""
    ships: bool
    """Whether the file also is a gain over the exact file, or with ``must_help=false`` need not be."""
    reason: str
    """Why the file does not ship, in a word or two; else empty."""
    sentence: str
    """The decision with its numbers."""


def search(
    subject: Subject,
    exporter: Exporter,
    options: Any,
    folder: Path,
    base: VariantReport | None,
    calibration: Calibration | None,
    reference: Measured,
    say: Callable[[str], None],
    budget: Budget,
) -> list[VariantReport]:
    """Makes attempts until one ships; returns a report on each. Only the last may ship, and only its files are kept.

    base: the report on the exact file that the exporter starts from; None: it has no base. calibration: as for `candidates`.
    reference: the trained module. budget: the first attempt is made however long that takes, others while time remains. An
    attempt that keeps the metric without a gain over the exact file ends the search, because later attempts are less aggressive
    and hence not smaller.
    """
    tried: list[VariantReport] = []
    exact = base.measurement if base else reference.measurement
    base_variant = base.variant if base else None
    started = time.perf_counter()
    for attempt in candidates(subject.graphs, exporter, options, folder, base_variant, calibration):
        backend = open_backend(subject.graphs, exporter, paths(folder, attempt), subject.opened.judged_tables)
        measured = measure(subject, attempt.precision, size(folder, exporter), backend)
        variant, measured = _refit(subject, attempt, measured)
        outputs = (judged_outputs(subject, answers.trace) for answers in (reference, measured))
        changed = changed_answers(subject.graphs, *outputs)
        verdict = _verdict(subject, exporter, options, measured.measurement, reference.measurement, exact, base, changed)
        decision = _decision(verdict, attempt.precision, measured.measurement.batch_effect)
        name = exporter.name if verdict.ships else attempt.precision
        tried.append(VariantReport(name, variant, measured.measurement, False, verdict.ships, decision, verdict.reason))
        if verdict.ships:
            return tried
        if verdict.holds:
            break
        say(f"{name}: {decision}")
        if budget.remaining() <= (time.perf_counter() - started) / len(tried):
            say(f"{exporter.name}: the search ends here, because the budget leaves no time for another candidate")
            break
    shutil.rmtree(folder / exporter.name)
    return tried


def _decision(verdict: Verdict, precision: str, batch_effect: str) -> str:
    if verdict.ships:
        first = message("shipped ({precision}): {sentence}", precision=precision, sentence=verdict.sentence)
    else:
        first = message("NOT shipped ({precision}): {sentence}", precision=precision, sentence=verdict.sentence)
    return joined([first, batch_effect], "; ")


def _refit(subject: Subject, variant: Variant, measured: Measured) -> tuple[Variant, Measured]:
    """Refits codec settings on the validation responses of the file, if the task is a `Refits`, and evaluates with them."""
    if not isinstance(subject.task, Refits):
        return variant, measured
    responses = judged_responses(subject, measured.trace, subject.codec())
    settings = subject.task.refit(responses, subject.rows, subject.opened.fitted.codec.settings)
    codec = subject.codec(settings)
    requests = [*subject.requests, *subject.odd_requests()]
    trace = Trace(answer_from(measured.trace.outputs, codec, requests), measured.trace.outputs)
    return replace(variant, settings=settings), with_metrics(subject, replace(measured, trace=trace), codec)


def _verdict(
    subject: Subject,
    exporter: Exporter,
    options: Any,
    lossy: Measurement,
    reference: Measurement,
    exact: Measurement,
    base: VariantReport | None,
    changed: float | None,
) -> Verdict:
    """A lossy file ships when it keeps what `_kept` says and, with ``must_help``, is a gain over the exact one."""
    holds, kept = _kept(subject, options, lossy, reference, changed)
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
    return Verdict(holds, ships, reason, joined([kept, gain], "; "))


def _kept(
    subject: Subject, options: Any, lossy: Measurement, reference: Measurement, changed: float | None
) -> tuple[bool, str]:
    """Whether the metric drops by at most ``max_drop``, the task's loss rises by at most the share ``max_loss_rise``, and at
    most the share ``max_drop / LOST`` of the answers change; and these numbers in words. Changed answers tell more than the
    drop where rows are few: among 300, a file that loses three right answers of a hundred may lose none.

    changed: share of the answers; None: it is not known.
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
    if changed is not None:
        allowed = min(1.0, options.max_drop / LOST)
        holds &= changed <= allowed
        sentence = message("{changed:.1%} of the answers differ ({allowed:.1%} are allowed)", changed=changed, allowed=allowed)
        parts.append(sentence)
    return holds, joined(parts, ", ")


def gains(lossy: Measurement, exact: Measurement, name: str) -> tuple[bool, Message]:
    """Whether a lossy file is a gain over the exact one, and a comparison in words. name: the name of the exact file.

    A file is a gain if it is clearly smaller and does not lose more speed than it saves in size. It is also a gain if it is
    clearly faster, in batches or alone, and neither clearly slower in the other case nor larger. Speeds within `FASTER` count
    as equal.
    """
    share = lossy.bytes / exact.bytes
    in_batches, alone = lossy.per_second / exact.per_second, exact.milliseconds / lossy.milliseconds
    best, worst = max(in_batches, alone), min(in_batches, alone)
    smaller = share <= SMALLER and best >= min(share, 1 / FASTER)
    faster = share <= 1 / SMALLER and best >= FASTER and worst >= 1 / FASTER
    comparison = message(
        "{share:.1%} of the size of {file}, {together:.2f} times as fast in batches, {alone:.2f} alone",
        share=share,
        file=name,
        together=in_batches,
        alone=alone,
    )
    return smaller or faster, comparison
