"""What every file costs to run: pictures of the measured size and speed, and the price of 1,000 answers."""

from __future__ import annotations

from collections.abc import Callable

from framework.contracts.evaluation import Metric
from framework.contracts.facts import Measurement
from framework.contracts.section import Bars, Section, Series
from framework.export.reports import ExportReport
from framework.machine.versions import machine

ANSWERS = 1000


def files_charts(report: ExportReport, metric: Metric) -> list[Bars]:
    """Size, speed and metric of the trained module and of every file, those that do not ship hatched and crossed out."""
    names = ["trained module", *(one.name if one.shipped else f"✗ {one.name}" for one in report.variants)]
    measured = [report.reference, *(one.measurement for one in report.variants)]
    faint = [f"✗ {one.name}" for one in report.variants if not one.shipped]

    def bars(title: str, unit: str, value: Callable[[Measurement], float]) -> Bars:
        return Bars(title, names, [Series("", [value(one) for one in measured])], unit, faint)

    return [
        bars("Size", " MB", lambda one: one.bytes / 1e6),
        bars("One request alone", " ms", lambda one: one.milliseconds),
        bars("Answers a second, in batches", "", lambda one: one.per_second),
        bars(f"{metric.name} on validation", "", lambda one: one.metrics[metric.name]),
    ]


def costs(report: ExportReport, hourly_price: float | None) -> Section:
    """Seconds, and money where the price of an hour is known, for 1,000 answers with each file."""
    rows = []
    for name, one in [("trained module", report.reference), *((v.name, v.measurement) for v in report.variants)]:
        seconds = (one.milliseconds / 1000 * ANSWERS, ANSWERS / one.per_second)
        prices = [] if hourly_price is None else [f"{value / 3600 * hourly_price:.6f}" for value in seconds]
        rows.append((name, *(f"{value:.2f}" for value in seconds), *prices))
    money = () if hourly_price is None else ("price, one at a time", "price, in batches")
    here = machine()
    note = f"Measured on validation rows with {here['cores']} cores of {here['CPU']}; loading the model is not counted."
    if hourly_price is not None:
        note += f" Prices follow from {hourly_price:g} an hour (report.hourly_price) for a machine that is always busy."
    header = ("file", "seconds, one at a time", "seconds, in batches", *money)
    return Section(f"Cost of {ANSWERS:,} answers on this machine", header, rows, note, leads=True)
