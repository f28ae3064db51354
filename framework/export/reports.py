"""The report on the export of a candidate, and its table."""

from __future__ import annotations

from dataclasses import dataclass, field

from framework.contracts.exporter import Variant
from framework.contracts.facts import Measurement, ParitySummary
from framework.contracts.message import Message, joined, message, messages
from framework.contracts.section import Section
from framework.contracts.targets import Targets

SIMILAR = 0.8  # share of the highest throughput from which on a file or candidate is not clearly slower
CODEC = "codec"  # name and format of the variant of a candidate without graphs


@dataclass(frozen=True)
class VariantReport:
    """What was measured and decided about one variant, or about one attempt that does not ship."""

    name: str
    """The name of the exporter; for a lossy file that does not ship, `Variant.precision`."""
    variant: Variant
    measurement: Measurement
    exact: bool
    shipped: bool
    decision: str
    """Whether the variant ships and why, in one sentence."""
    reason: str = ""
    """Why the variant does not ship, in a word or two; else empty."""
    parity: ParitySummary | None = None
    """The parity of an exact file; None for a lossy file, and for a codec alone."""


@dataclass(frozen=True)
class ExportReport:
    """All exports of one candidate."""

    candidate: str
    reference: Measurement
    """Measurement of the trained module, before any export."""
    variants: tuple[VariantReport, ...]
    """All variants that were tried, whether they ship or not."""
    checks: tuple[str, ...]
    """Passed checks of preprocessing, such as the tokenizer."""
    rows: str
    """The rows that the metrics were measured on, in words."""
    targets: Targets = field(default_factory=Targets)
    """The recipe's, which decide on the default variant."""

    @property
    def shipped(self) -> list[VariantReport]:
        return [report for report in self.variants if report.shipped]

    @property
    def default(self) -> VariantReport:
        """The variant that the runtime opens by default: of those that ship, run without torch and meet the targets, the
        smallest that has more than `SIMILAR` times the throughput of the fastest. Where none meets the targets, the nearest.
        """
        runnable = [report for report in self.shipped if report.variant.format in ("onnx", CODEC)]
        on_target = [report for report in runnable if not self.targets.misses(report.measurement)]
        if not on_target:
            return min(runnable, key=lambda report: self.targets.excess(report.measurement))
        fastest = max(report.measurement.per_second for report in on_target)
        return min(
            (report for report in on_target if report.measurement.per_second > SIMILAR * fastest),
            key=lambda report: report.measurement.bytes,
        )


def files_table(report: ExportReport) -> Section:
    """Size, speed and metrics of the trained module and of every file."""
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
