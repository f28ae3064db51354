"""How many rows, epochs and rows a step: what a recipe leaves open follows from the data, and from the time it states."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import FitContext, Section, TrainingFacts, joined, message, read_shares
from framework_text.options import FineTuning

if TYPE_CHECKING:
    from framework import Schedule

AnyContext = FitContext[Any, Any]
FILE = "plan.json"  # in the trial's folder: a training that is resumed keeps its plan
FEWEST_EPOCHS, MOST_EPOCHS = 2, 10
STEPS, STEPS_A_CLASS = 1000, 12  # optimizer steps after which little is left to learn
VALIDATION = 0.3  # cost of judging a row, as a share of learning from it
SPARE = 1.5  # times the rows that fit into the time are made ready: the machine may turn out to be faster
DECIDING = ("max_epochs", "max_time")  # arguments of the trainer that end a training in place of the plan


@dataclass(frozen=True)
class Plan:
    """What a training was begun with."""

    rows: int
    """Training rows that are used."""
    epochs: int | None
    """At most; None where the recipe's `trainer:` section decides."""
    batch_size: int
    """Rows of an optimizer step."""
    learning_rate: float
    """At the end of the warm-up."""
    why: Sequence[str]
    """Sentences for the reader of the run."""
    attention: str = "eager"
    """transformers' name of the implementation of attention."""
    seconds: float | None = None
    """Of the whole fit, at which training ends; None: the epochs end it."""
    validation: float = 0.0
    """Seconds that judging the validation rows is expected to take."""
    probe_accuracy: float | None = None
    """Of the head that the training began with, where one was fitted."""

    def section(self) -> Section:
        epochs = message("as trainer: says") if self.epochs is None else f"{self.epochs}"
        rows: list[tuple[str, str]] = [
            (message("training rows"), f"{self.rows:,}"),
            (message("epochs at most"), epochs),
            (message("rows a step"), f"{self.batch_size}"),
            (message("learning rate"), f"{self.learning_rate:g}"),
            (message("attention"), self.attention),
        ]
        if self.seconds is not None:
            rows.append((message("minutes at most"), f"{self.seconds / 60:g}"))
        return Section(message("Training plan"), ("", ""), rows, joined(self.why))

    def trainer(self, given: Mapping[str, object]) -> dict[str, object]:
        """The trainer's arguments with the epochs of the plan."""
        return {**given, "max_epochs": self.epochs} if self.epochs is not None else dict(given)

    def schedule(self, context: AnyContext, spent: float) -> Schedule:
        """spent: seconds that the fit has taken already. The shares of a training that is repeated take the place of time."""
        from framework import Schedule  # which imports torch

        repeated: str | None = context.options.repeat
        replay = read_shares(trial_of(Path(repeated))) if repeated else ()
        left = context.budget.remaining()
        seconds = self.seconds if left == float("inf") else min(left + spent, self.seconds or float("inf"))
        return Schedule(context.folder, seconds, spent=spent, validation=self.validation, replay=replay)


def decided(trainer: Mapping[str, object]) -> bool:
    """Whether the recipe's `trainer:` section says when training ends."""
    return trainer.get("max_steps", -1) != -1 or any(trainer.get(name) for name in DECIDING)


def batch_size(options: FineTuning, rows: int) -> int:
    """Small data needs more steps, large data fewer and fuller ones."""
    return options.batch_size or (16 if rows < 1000 else 32 if rows < 100_000 else 64)


def learning_rate(options: FineTuning, batch: int) -> float:
    """Grows with the square root of the batch size (Krizhevsky 2014)."""
    return options.learning_rate or float(f"{1e-4 * (batch / 32) ** 0.5:.2g}")


def wanted_epochs(rows: int, classes: int, batch: int) -> int:
    """Enough for the steps that so many classes take, at least two, at most ten."""
    steps = STEPS + STEPS_A_CLASS * classes
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(steps / ceil(rows / batch))))


def within(plan: Plan, minutes: float, paces: Mapping[str, float], validated: int) -> Plan:
    """The plan with the time that the recipe states, which ends the training where the epochs would take longer.

    paces: rows learned a second with each implementation of attention that was measured, the plan's among them.
    validated: rows that each validation judges. Where not even one epoch fits, no more rows are made ready than can be used.
    """
    pace, epochs = paces[plan.attention], plan.epochs
    assert epochs is not None, "the plan decides"
    seconds = 60 * minutes
    fitting = seconds * pace
    rows = plan.rows if SPARE * fitting >= plan.rows else min(plan.rows, max(int(SPARE * fitting), ceil(plan.rows / 100)))
    judging = VALIDATION * validated / pace
    measured = ", ".join(f"{name} {value:.0f}" for name, value in paces.items())
    pace_here = message("rows a second learned on this machine, by implementation of attention: {paces}", paces=measured)
    why = [*plan.why, pace_here]
    taken = epochs * (plan.rows / pace + judging)
    if taken > seconds:
        sentence = message(
            "{epochs} epochs would take about {taken:.1f} minutes: training ends after model.minutes={minutes:g}, about "
            "{fitting:.1f} epochs, with the learning rate at 0; model.minutes=null takes as long as it needs",
            epochs=epochs,
            taken=taken / 60,
            minutes=minutes,
            fitting=fitting / plan.rows,
        )
        why.append(sentence)
    return replace(plan, rows=rows, seconds=seconds, validation=judging, why=why)


def counted(plan: Plan, fitting: float) -> Plan:
    """The plan ended by epochs and rows that are expected to fit, in place of time. fitting: rows that are."""
    assert plan.epochs is not None, "the plan decides"
    epochs = min(plan.epochs, max(1, round(fitting / plan.rows)))
    return replace(plan, epochs=epochs, rows=min(plan.rows, max(1, int(fitting / epochs))), seconds=None)


def load_plan(context: AnyContext) -> Plan | None:
    """The plan that the run in this folder began with, also where it was stopped before its first checkpoint.

    In a new run that of the run which it repeats, if the recipe names one.
    """
    path = context.folder / FILE
    if path.exists():
        return Plan(**json.loads(path.read_text(encoding="utf-8")))
    repeated: str | None = context.options.repeat
    return save_plan(read_plan(Path(repeated)), context.folder) if repeated else None


def read_plan(repeated: Path) -> Plan:
    return Plan(**json.loads((trial_of(repeated) / FILE).read_text(encoding="utf-8")))


def trial_of(repeated: Path) -> Path:
    """The folder of a training that a person names: a trial's, or that of a run in which one network was trained."""
    inside = [path.parent for path in repeated.glob(f"trials/*/{FILE}")]
    return inside[0] if len(inside) == 1 and not (repeated / FILE).exists() else repeated


def save_plan(plan: Plan, folder: Path) -> Plan:
    unfinished = folder / f".{FILE}-unfinished"
    unfinished.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    unfinished.replace(folder / FILE)
    return plan


def not_repeatable(repeat: str | None) -> list[str]:
    """Problems of `model.repeat`."""
    if repeat is None:
        return []
    try:
        read_plan(Path(repeat))
        read_shares(trial_of(Path(repeat)))
    except (OSError, ValueError, TypeError) as error:
        return [f"model.repeat={repeat}: write the folder of a run whose training ended ({error})"]
    return []


def repetition(plan: Plan, folder: Path, training: TrainingFacts) -> Section:
    """How a training that time has ended is repeated. training: facts of `framework.train`."""
    note = message(
        "{steps:,} steps were learned from; to repeat them exactly: model.repeat={folder}",
        steps=training.steps,
        folder=str(folder),
    )
    return Section(message("Repetition"), note=note)
