"""What the export of a candidate leaves beside its files, and the table of it."""

from __future__ import annotations

from dataclasses import dataclass

from framework.contracts.exporter import Variant
from framework.contracts.facts import Measurement, ParitySummary
from framework.contracts.message import Message, joined, message, messages
from framework.contracts.section import Section

CODEC = "codec"  # the variant, and its format, of a candidate without graphs


@dataclass(frozen=True)
class VariantReport:
    """One file, or set of files, that was made of a candidate's graphs."""

    name: str
    """The exporter's; of a candidate that a lossy exporter tried and did not ship, what it is."""
    variant: Variant
    measurement: Measurement
    exact: bool
    shipped: bool
    decision: str
    """Whether it ships and why, in one sentence."""
    reason: str = ""
    """Why it does not ship, in a word or two."""
    parity: ParitySummary | None = None
    """Of an exact file."""


@dataclass(frozen=True)
class ExportReport:
    """Everything that was made of one candidate."""

    candidate: str
    reference: Measurement
    """Of the candidate's own graphs, before any export."""
    variants: tuple[VariantReport, ...]
    """Every file that was tried."""
    checks: tuple[str, ...]
    """What was proven about that which stands before the graphs."""
    rows: str
    """What the metrics are on."""

    @property
    def shipped(self) -> list[VariantReport]:
        return [report for report in self.variants if report.shipped]

    @property
    def default(self) -> VariantReport:
        """What the runtime opens: the smallest that ships and runs without torch, unless it is clearly slower than another."""
        runnable = [report for report in self.shipped if report.variant.format in ("onnx", CODEC)]
        fastest = max(report.measurement.per_second for report in runnable)
        return min(
            (report for report in runnable if report.measurement.per_second > 0.8 * fastest),
            key=lambda report: report.measurement.bytes,
        )


def files_table(report: ExportReport) -> Section:
    """Size, speed and metrics of the candidate's own graphs and of every file."""
    names = list(report.reference.metrics)
    lines: list[tuple[str, Measurement, str]] = [(message("trained module"), report.reference, "")]
    lines += [(v.name, v.measurement, _ships(v)) for v in report.variants]
    rows = [
        (
            name,
            f"{measured.bytes / 1e6:.1f}",
            f"{measured.milliseconds:.3g}",
            f"{measured.per_second:.0f}",
            *(f"{measured.metrics[metric]:.4f}" for metric in names),
            ships,
        )
        for name, measured, ships in lines
    ]
    header = (*messages("file", "MB", "ms for one", "a second in batches"), *names, message("ships"))
    about = message("Metrics on {rows}, which the decisions are taken on.", rows=report.rows)
    return Section(message("Files"), header, rows, joined([about, *report.checks]), leads=True)


def _ships(variant: VariantReport) -> Message:
    return message("yes") if variant.shipped else message("no: {reason}", reason=variant.reason)
