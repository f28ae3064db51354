"""How many rows, epochs and rows a step: what a recipe leaves open follows from the data, and from the time it states."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path

from framework import FitContext, Section
from framework_text.options import FineTuning

FILE = "plan.json"  # in the run's folder: a run that is resumed keeps its plan
FEWEST_EPOCHS, MOST_EPOCHS = 2, 10
STEPS, STEPS_A_CLASS = 1000, 12  # optimizer steps after which little is left to learn
VALIDATION = 0.3  # cost of judging a row, as a share of learning from it


@dataclass(frozen=True)
class Plan:
    """rows: of the training rows, as many are used. epochs: None where the recipe's `trainer:` section decides.

    probe_accuracy: of the head that the training began with, where one was fitted.
    """

    rows: int
    epochs: int | None
    batch_size: int
    learning_rate: float
    why: Sequence[str]
    probe_accuracy: float | None = None

    def section(self) -> Section:
        epochs = "as trainer: says" if self.epochs is None else f"{self.epochs}"
        rows = [("training rows", f"{self.rows:,}"), ("epochs at most", epochs), ("rows a step", f"{self.batch_size}"),
                ("learning rate", f"{self.learning_rate:g}")]  # fmt: skip
        return Section("Training plan", ("", ""), rows, "\n".join(self.why))


def batch_size(options: FineTuning, rows: int) -> int:
    """Small data needs more steps, large data fewer and fuller ones."""
    return options.batch_size or (16 if rows < 1000 else 32 if rows < 100_000 else 64)


def learning_rate(options: FineTuning, batch: int) -> float:
    """Grows with the square root of the batch size (Krizhevsky 2014)."""
    return options.learning_rate or float(f"{2e-4 * (batch / 32) ** 0.5:.2g}")


def wanted_epochs(rows: int, classes: int, batch: int) -> int:
    """Enough for the steps that so many classes take, at least two, at most ten."""
    steps = STEPS + STEPS_A_CLASS * classes
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(steps / ceil(rows / batch))))


def within(minutes: float, pace: float, rows: int, held_out: int, epochs: int) -> tuple[int, int]:
    """(rows, epochs) that fit into the time: fewer epochs first, then one epoch on fewer rows. pace: rows learned a second."""
    seconds = minutes * 60
    whole = (rows + VALIDATION * held_out) / pace  # seconds of an epoch
    if seconds >= whole * epochs:
        return rows, epochs
    fitting = max(1, int(seconds / whole + 0.15))  # a seventh more than the time, rather than an epoch less
    left = seconds * pace - VALIDATION * held_out
    return (rows, fitting) if fitting > 1 or seconds * 1.15 >= whole else (min(rows, max(int(left), ceil(rows / 100))), 1)


def kept(context: FitContext) -> Plan | None:
    """The plan that the run in this folder began with, also where it was stopped before its first checkpoint."""
    path = context.folder / FILE
    return Plan(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def keep(plan: Plan, folder: Path) -> Plan:
    unfinished = folder / f".{FILE}-unfinished"
    unfinished.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    unfinished.replace(folder / FILE)
    return plan
