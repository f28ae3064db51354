"""What every file costs to run: pictures of the measured size and speed, and the price of 1,000 answers."""

from __future__ import annotations

from collections.abc import Callable

from framework.contracts.evaluation import Metric
from framework.contracts.facts import Measurement
from framework.contracts.message import joined, message, messages
from framework.contracts.section import Bars, Section, Series
from framework.export.reports import ExportReport
from framework.machine.versions import machine

ANSWERS = 1000


def files_charts(report: ExportReport, metric: Metric) -> list[Bars]:
    """Size, speed and metric of the trained module and of every file, those that do not ship hatched and crossed out."""
    names = [message("trained module"), *(one.name if one.shipped else f"✗ {one.name}" for one in report.variants)]
    measured = [report.reference, *(one.measurement for one in report.variants)]
    faint = [f"✗ {one.name}" for one in report.variants if not one.shipped]

    def bars(title: str, unit: str, value: Callable[[Measurement], float]) -> Bars:
        return Bars(title, names, [Series("", [value(one) for one in measured])], unit, faint)

    return [
        bars(message("Size"), " MB", lambda one: one.bytes / 1e6),
        bars(message("One request alone"), " ms", lambda one: one.milliseconds),
        bars(message("Answers a second, in batches"), "", lambda one: one.per_second),
        bars(message("{metric} on validation", metric=metric.name), "", lambda one: one.metrics[metric.name]),
    ]


def costs(report: ExportReport, hourly_price: float | None) -> Section:
    """Seconds, and money where the price of an hour is known, for 1,000 answers with each file."""
    rows = []
    for name, one in [(message("trained module"), report.reference), *((v.name, v.measurement) for v in report.variants)]:
        seconds = (one.milliseconds / 1000 * ANSWERS, ANSWERS / one.per_second)
        prices = [] if hourly_price is None else [f"{value / 3600 * hourly_price:.6f}" for value in seconds]
        rows.append((name, *(f"{value:.3g}" for value in seconds), *prices))
    money = () if hourly_price is None else messages("price, one at a time", "price, in batches")
    here = machine()
    note: str = message(
        "Measured on validation rows with {cores} cores of {cpu}; loading the model is not counted.",
        cores=here["cores"],
        cpu=here["CPU"],
    )
    if hourly_price is not None:
        sentence = message(
            "Prices follow from {price:g} an hour (report.hourly_price) for a machine that is always busy.", price=hourly_price
        )
        note = joined([note, sentence], " ")
    header = (*messages("file", "seconds, one at a time", "seconds, in batches"), *money)
    title = message("Cost of {answers:,} answers on this machine", answers=ANSWERS)
    return Section(title, header, rows, note, leads=True)
