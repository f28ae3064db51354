"""What every file costs to run: pictures of the measured size and speed, and the price of 1,000 answers."""

from __future__ import annotations

from collections.abc import Callable

from framework.contracts.charts import Bars, Series
from framework.contracts.evaluation import Metric
from framework.contracts.section import Section
from framework.export.measurement import Measured
from framework.export.variants import Variants
from framework.machine.versions import machine

ANSWERS = 1000


def files_charts(variants: Variants, metric: Metric) -> list[Bars]:
    """Size, speed and metric of the trained module and of every file, those that do not ship hatched and crossed out."""
    measured = [variants.reference, *variants.all]
    names = [m.name if m.shipped else f"✗ {m.name}" for m in measured]
    faint = [name for name, m in zip(names, measured, strict=True) if not m.shipped]

    def bars(title: str, unit: str, value: Callable[[Measured], float]) -> Bars:
        return Bars(title, names, [Series("", [value(m) for m in measured])], unit, faint)

    return [
        bars("Size", " MB", lambda m: m.bytes / 1e6),
        bars("One request alone", " ms", lambda m: m.milliseconds),
        bars("Answers a second, in batches", "", lambda m: m.per_second),
        bars(f"{metric.name} on validation", "", lambda m: m.metric),
    ]


def costs(variants: Variants, hourly_price: float | None) -> Section:
    """Seconds, and money where the price of an hour is known, for 1,000 answers with each file."""
    rows = []
    for m in [variants.reference, *variants.all]:
        seconds = (m.milliseconds / 1000 * ANSWERS, ANSWERS / m.per_second)
        prices = [] if hourly_price is None else [f"{value / 3600 * hourly_price:.6f}" for value in seconds]
        rows.append((m.name, *(f"{value:.2f}" for value in seconds), *prices))
    money = () if hourly_price is None else ("price, one at a time", "price, in batches")
    here = machine()
    note = f"Measured on validation rows with {here['cores']} cores of {here['CPU']}; loading the model is not counted."
    if hourly_price is not None:
        note += f" Prices follow from {hourly_price:g} an hour (report.hourly_price) for a machine that is always busy."
    header = ("file", "seconds, one at a time", "seconds, in batches", *money)
    return Section(f"Cost of {ANSWERS:,} answers on this machine", header, rows, note, leads=True)
