"""Which exported candidate ships where the recipe has targets, and by how much it misses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from framework.contracts.message import Message, joined, message, messages
from framework.contracts.section import Section
from framework.export.reports import ExportReport
from framework.run.selection.result import Selection


def decided(selection: Selection, reports: Mapping[str, ExportReport]) -> Selection:
    """The selection with its winner: of the exported candidates the first whose default variant meets the targets, else the one
    that is nearest to them.

    reports: by candidate, in the order of `Selection.preference`.
    """
    winner = next((name for name, report in reports.items() if not _misses(report)), None)
    if winner is None:
        winner = min(reports, key=lambda name: reports[name].targets.excess(reports[name].default.measurement))
    outcome = _outcome(winner, reports) if reports[winner].targets.named else ""
    reasons = {one.candidate: one.reason for one in selection.ranking}
    for name, report in reports.items():
        if misses := _misses(report):
            reasons[name] = message("misses the targets: {misses}", misses=joined(misses, "; "))
    reasons.pop(winner, None)
    return replace(selection, winner=winner, reasons=reasons, targets=outcome)


def targets_table(selection: Selection, reports: Mapping[str, ExportReport]) -> Section:
    """The default variant of each exported candidate beside the targets."""
    rows = [
        (
            name,
            report.default.name,
            f"{report.default.measurement.milliseconds:.3g}",
            f"{report.default.measurement.bytes / 1e6:.3g}",
            f"{report.default.measurement.metrics[selection.metric]:.4f}",
            joined(_misses(report), "; ") or message("meets the targets"),
        )
        for name, report in reports.items()
    ]
    header = (*messages("candidate", "file", "ms for one", "MB"), selection.metric, message("outcome"))
    return Section(message("Targets"), header, rows, selection.targets, leads=True)


def _outcome(winner: str, reports: Mapping[str, ExportReport]) -> Message:
    report = reports[winner]
    names = {"winner": winner, "file": report.default.name}
    misses = _misses(report)
    if misses:
        return message(
            "no exported file meets the targets; {winner} ({file}) is nearest: {misses}", misses=joined(misses, "; "), **names
        )
    first = next(iter(reports))
    if winner != first:
        return message(
            "{winner} ({file}) meets the targets and ships; {first}, which validation chooses, misses them: {misses}",
            first=first,
            misses=joined(_misses(reports[first]), "; "),
            **names,
        )
    return message("{winner} ({file}) meets the targets", **names)


def _misses(report: ExportReport) -> list[Message]:
    return report.targets.misses(report.default.measurement)
