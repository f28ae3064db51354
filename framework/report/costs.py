"""Parts of the report on the costs of every file: charts of size and speed, and the price of 1,000 answers."""

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
    """Charts of size, speed and metric of the trained module and every variant; variants that do not ship are hatched."""
    crossed = {variant.name: f"✗ {variant.name}" for variant in report.variants if not variant.shipped}
    names = [message("trained module"), *(crossed.get(variant.name, variant.name) for variant in report.variants)]
    measurements = [report.reference, *(variant.measurement for variant in report.variants)]

    def bars(title: str, unit: str, value: Callable[[Measurement], float]) -> Bars:
        return Bars(title, names, [Series("", [value(measured) for measured in measurements])], unit, list(crossed.values()))

    return [
        bars(message("Size"), " MB", lambda measured: measured.bytes / 1e6),
        bars(message("One request alone"), " ms", lambda measured: measured.milliseconds),
        bars(message("Answers a second, in batches"), "", lambda measured: measured.per_second),
        bars(message("{metric} on validation", metric=metric.name), "", lambda measured: measured.metrics[metric.name]),
    ]


def costs(report: ExportReport, hourly_price: float | None) -> Section:
    """A section with the seconds that 1,000 answers take with each variant, and their price.

    hourly_price: the price of the machine for an hour, in any currency; None: no prices are shown.
    """
    rows = []
    for name, measured in [(message("trained module"), report.reference), *((v.name, v.measurement) for v in report.variants)]:
        seconds = (measured.milliseconds / 1000 * ANSWERS, ANSWERS / measured.per_second)
        prices = [] if hourly_price is None else [f"{value / 3600 * hourly_price:.6f}" for value in seconds]
        rows.append((name, *(f"{value:.3g}" for value in seconds), *prices))
    money = () if hourly_price is None else messages("price, one at a time", "price, in batches")
    this_machine = machine()
    note: str = message(
        "Measured on validation rows with {cores} cores of {cpu}; loading the model is not counted.",
        cores=this_machine["cores"],
        cpu=this_machine["CPU"],
    )
    if hourly_price is not None:
        sentence = message(
            "Prices follow from {price:g} an hour (report.hourly_price) for a machine that is always busy.", price=hourly_price
        )
        note = joined([note, sentence], " ")
    header = (*messages("file", "seconds, one at a time", "seconds, in batches"), *money)
    title = message("Cost of {answers:,} answers on this machine", answers=ANSWERS)
    return Section(title, header, rows, note, leads=True)
