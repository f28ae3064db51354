"""How training went: loss and metric step by step, from the log that Lightning wrote."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.contracts.evaluation import Metric
from framework.contracts.message import Message, message
from framework.contracts.section import Lines, Section, Series

LOG = Path("logs", "metrics.csv")
POINTS = 400  # of a curve; more are thinned out


def training_curves(folder: Path, metric: Metric) -> list[Section]:
    """One section with a row for each epoch, or none where the run left no log: nothing was trained, or another logger was."""
    path = folder / LOG
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        logged = list(csv.DictReader(stream))
    names = [name for name in (logged[0] if logged else {}) if name.startswith(("train_", "val_"))]
    curves = {name: _curve(logged, name) for name in names}
    charts = [
        Lines(title, message("step"), "", [Series(_series(n), *_thinned(curves[n])) for n in found])
        for title, found in (
            (message("loss"), [n for n in ("train_loss", "val_loss") if curves.get(n)]),
            (metric.name, [n for n in (f"train_{metric.name}", f"val_{metric.name}") if curves.get(n)]),
        )
        if found
    ]
    epochs = sorted({int(row["epoch"]) for row in logged if row.get("epoch")})
    rows = [(epoch + 1, *(_last(logged, epoch, name) for name in names)) for epoch in epochs]
    title = message("Training, epoch by epoch")
    return [Section(title, (message("epoch"), *names), rows, charts=charts)] if rows and charts else []


def _series(name: str) -> Message:
    """What a curve is called: "train loss" of train_loss."""
    split, _, metric = name.partition("_")
    named = message("loss") if metric == "loss" else metric
    return message("train {metric}", metric=named) if split == "train" else message("val {metric}", metric=named)


def _curve(logged: Sequence[Mapping[str, str]], name: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), float(row[name])) for row in logged if row.get(name)]


def _thinned(curve: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """(y, x) with at most `POINTS` points: the means of equal parts."""
    size = -(-len(curve) // POINTS)
    parts = [curve[i : i + size] for i in range(0, len(curve), size)]
    return [sum(y for _, y in part) / len(part) for part in parts], [sum(x for x, _ in part) / len(part) for part in parts]


def _last(logged: Sequence[Mapping[str, str]], epoch: int, name: str) -> str:
    values = [row[name] for row in logged if row.get("epoch") == str(epoch) and row.get(name)]
    return f"{float(values[-1]):.4f}" if values else ""
