"""Training curves for the report: loss and metric by step, from Lightning's CSV log."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.contracts.evaluation import Metric
from framework.contracts.message import Message, message
from framework.contracts.section import Lines, Section, Series

LOG = Path("logs", "metrics.csv")
POINTS = 400  # points of a curve, at most


def training_curves(folder: Path, metric: Metric) -> list[Section]:
    """A section with charts of loss and metric and a row for each epoch; no section if the trial has no CSV log.

    folder: the trial's folder. A candidate that trains no network, or a recipe with another logger, leaves no CSV log.
    """
    path = folder / LOG
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        logged = list(csv.DictReader(stream))
    names = [name for name in (logged[0] if logged else {}) if name.startswith(("train_", "val_"))]
    curves = {name: _curve(logged, name) for name in names}
    charts = [
        Lines(title, message("step"), "", [Series(_series_name(n), *_thin(curves[n])) for n in logged_names])
        for title, logged_names in (
            (message("loss"), [n for n in ("train_loss", "val_loss") if curves.get(n)]),
            (metric.name, [n for n in (f"train_{metric.name}", f"val_{metric.name}") if curves.get(n)]),
        )
        if logged_names
    ]
    epochs = sorted({int(row["epoch"]) for row in logged if row.get("epoch")})
    rows = [(epoch + 1, *(_last(logged, epoch, name) for name in names)) for epoch in epochs]
    title = message("Training, epoch by epoch")
    return [Section(title, (message("epoch"), *names), rows, charts=charts)] if rows and charts else []


def _series_name(name: str) -> Message:
    """The name of a curve in a chart: "train loss" for train_loss."""
    split, _, metric = name.partition("_")
    title = message("loss") if metric == "loss" else metric
    return message("train {metric}", metric=title) if split == "train" else message("val {metric}", metric=title)


def _curve(logged: Sequence[Mapping[str, str]], name: str) -> list[tuple[float, float]]:
    """The points (step, value) of the column `name`. logged: the rows of the CSV log."""
    return [(float(row["step"]), float(row[name])) for row in logged if row.get(name)]


def _thin(curve: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The values, and the steps, of at most `POINTS` points: means over parts of equal length. curve: points (step, value)."""
    size = -(-len(curve) // POINTS)
    parts = [curve[i : i + size] for i in range(0, len(curve), size)]
    return [sum(y for _, y in part) / len(part) for part in parts], [sum(x for x, _ in part) / len(part) for part in parts]


def _last(logged: Sequence[Mapping[str, str]], epoch: int, name: str) -> str:
    values = [row[name] for row in logged if row.get("epoch") == str(epoch) and row.get(name)]
    return f"{float(values[-1]):.4f}" if values else ""
