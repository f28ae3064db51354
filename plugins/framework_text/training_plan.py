"""Training rows, epochs, batch size and learning rate: what the recipe leaves open follows from the data and the time limit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework import FitContext, Section, TrainingFacts, joined, message, read_shares
from framework_text.options import FineTuning

if TYPE_CHECKING:
    from framework import Schedule

AnyContext = FitContext[Any, Any]
FILE = "plan.json"  # file in the folder of the trial, because a resumed training keeps its plan
FEWEST_EPOCHS, MOST_EPOCHS = 2, 10
STEPS, STEPS_A_CLASS = 1000, 12  # optimizer steps after which little is left to learn: in any case, and more for each class
VALIDATION = 0.3  # time to evaluate a row, as a share of the time to train on it
SPARE = 1.5  # tokenized rows, as a multiple of those that fit into the time: the machine may turn out to be faster
OUT_OF_MINUTES = message(
    "{epochs} epochs would take about {taken:.1f} minutes: training ends after model.minutes={minutes:g}, about "
    "{fitting:.1f} epochs, with the learning rate at 0; model.minutes=null takes as long as it needs"
)
OUT_OF_BUDGET = message(
    "{epochs} epochs would take about {taken:.1f} minutes: training ends after the {minutes:.1f} that the budget leaves, about "
    "{fitting:.1f} epochs, with the learning rate at 0"
)
ENDING = ("max_epochs", "max_time")  # arguments of the trainer that end training in place of the plan


@dataclass(frozen=True)
class Plan:
    """The hyperparameters that a training starts with."""

    rows: int
    """Training rows that are used."""
    epochs: int | None
    """Maximum number; None where the recipe's `trainer:` section ends training."""
    batch_size: int
    """Rows of an optimizer step."""
    learning_rate: float
    """At the end of the warm-up."""
    why: Sequence[str]
    """Reasons for the plan, as sentences of the report."""
    attention: str = "eager"
    """transformers' name of the implementation of attention."""
    seconds: float | None = None
    """Time limit of the whole fit, at which training ends; None: no time limit."""
    validation: float = 0.0
    """Expected seconds of one validation."""
    probe_accuracy: float | None = None
    """Held-out accuracy of the fitted head that training starts from; None where the head is random."""
    head_from_cache: bool = False
    """Whether a head that is fitted, is fitted to features that an earlier fit of the run had computed."""

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

    def trainer(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """The trainer's arguments with the epochs of the plan."""
        return {**arguments, "max_epochs": self.epochs} if self.epochs is not None else dict(arguments)

    def schedule(self, context: AnyContext, spent: float) -> Schedule:
        """The learning-rate schedule: by time, or by the recorded shares of the training that `repeat` names.

        spent: seconds since the fit began.
        """
        from framework import Schedule  # which imports torch

        repeated: str | None = context.options.repeat
        replay = read_shares(trial_of(Path(repeated))) if repeated else ()
        remaining = context.budget.remaining()
        if remaining != inf:  # the validation rows are answered once more after training
            seconds: float | None = min(max(0.0, remaining - self.validation) + spent, self.seconds or inf)
        else:
            seconds = self.seconds
        return Schedule(context.folder, seconds, spent=spent, validation=self.validation, replay=replay)


def trainer_ends_training(trainer: Mapping[str, object]) -> bool:
    """Whether the recipe's `trainer:` section ends training, in place of the plan."""
    return trainer.get("max_steps", -1) != -1 or any(trainer.get(name) for name in ENDING)


def batch_size(options: FineTuning, rows: int) -> int:
    """Rows of an optimizer step: the recipe's, else more for larger data."""
    return options.batch_size or (16 if rows < 1000 else 32 if rows < 100_000 else 64)


def learning_rate(options: FineTuning, batch: int) -> float:
    """The recipe's learning rate, else one that grows with the square root of `batch`, the rows of a step (Krizhevsky 2014)."""
    return options.learning_rate or float(f"{1e-4 * (batch / 32) ** 0.5:.2g}")


def epochs_of(options: FineTuning, rows: int, classes: int, batch: int, *, begun: bool) -> int:
    """The recipe's number of epochs, else `wanted_epochs`, and half of them where the weights are those of an earlier fit.

    begun: whether they are.
    """
    wanted = wanted_epochs(rows, classes, batch)
    return options.epochs or (max(1, wanted // 2) if begun else wanted)


def wanted_epochs(rows: int, classes: int, batch: int) -> int:
    """The number of epochs, from 2 to 10, in which a training reaches the steps that `classes` classes need.

    rows: training rows. batch: rows of a step.
    """
    steps = STEPS + STEPS_A_CLASS * classes
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(steps / ceil(rows / batch))))


def limited(plan: Plan, context: AnyContext, paces: Mapping[str, float], validated: int) -> Plan:
    """The plan with the recipe's time limit or, where that is shorter, with the time that the budget leaves; see `within`."""
    minutes = inf if context.options.minutes is None else context.options.minutes
    remaining = context.budget.remaining() / 60
    if remaining < minutes:
        return replace(within(plan, remaining, paces, validated, by_budget=True), seconds=None)  # the schedule sets them
    return plan if minutes == inf else within(plan, minutes, paces, validated)


def within(plan: Plan, minutes: float, paces: Mapping[str, float], validated: int, *, by_budget: bool = False) -> Plan:
    """The plan with a time limit, which ends training where the epochs would take longer.

    Where the time is too short for one epoch, `rows` is lowered to `SPARE` times the rows that fit, at least to 1%.

    paces: training rows a second, by implementation of attention; `plan.attention` is among them. validated: rows of each
    validation. by_budget: whether the limit is the run's, and not `model.minutes`.
    """
    pace, epochs = paces[plan.attention], plan.epochs
    assert epochs is not None, "the plan decides"
    seconds = 60 * minutes
    fitting = seconds * pace
    rows = plan.rows if SPARE * fitting >= plan.rows else min(plan.rows, max(int(SPARE * fitting), ceil(plan.rows / 100)))
    validation = VALIDATION * validated / pace
    measured = ", ".join(f"{name} {value:.0f}" for name, value in paces.items())
    pace_here = message("rows a second learned on this machine, by implementation of attention: {paces}", paces=measured)
    why = [*plan.why, pace_here]
    taken = epochs * (plan.rows / pace + validation)
    if taken > seconds:
        sentence = OUT_OF_BUDGET if by_budget else OUT_OF_MINUTES
        why.append(sentence.filled(epochs=epochs, taken=taken / 60, minutes=minutes, fitting=fitting / plan.rows))
    return replace(plan, rows=rows, seconds=seconds, validation=validation, why=why)


def plan_by_rows(plan: Plan, fitting: float) -> Plan:
    """The plan with epochs and rows in place of the time limit. fitting: rows, over all epochs, that fit into the time."""
    assert plan.epochs is not None, "the plan decides"
    epochs = min(plan.epochs, max(1, round(fitting / plan.rows)))
    return replace(plan, epochs=epochs, rows=min(plan.rows, max(1, int(fitting / epochs))), seconds=None)


def load_plan(context: AnyContext) -> Plan | None:
    """The saved plan of a resumed fit, or of the run that `model.repeat` names; None for any other new fit.

    A repeated plan is copied into the folder of the trial.
    """
    path = context.folder / FILE
    if path.exists():
        return Plan(**json.loads(path.read_text(encoding="utf-8")))
    repeated: str | None = context.options.repeat
    return save_plan(read_plan(Path(repeated)), context.folder) if repeated else None


def read_plan(repeated: Path) -> Plan:
    return Plan(**json.loads((trial_of(repeated) / FILE).read_text(encoding="utf-8")))


def trial_of(repeated: Path) -> Path:
    """The folder of the trial that `model.repeat` names: the trial itself, or a run with a single trained network."""
    trials = [path.parent for path in repeated.glob(f"trials/*/{FILE}")]
    return trials[0] if len(trials) == 1 and not (repeated / FILE).exists() else repeated


def save_plan(plan: Plan, folder: Path) -> Plan:
    unfinished = folder / f".{FILE}-unfinished"
    unfinished.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    unfinished.replace(folder / FILE)
    return plan


def repeat_problems(repeat: str | None) -> list[str]:
    """Problems of `model.repeat`; empty for None, which repeats nothing."""
    if repeat is None:
        return []
    try:
        read_plan(Path(repeat))
        read_shares(trial_of(Path(repeat)))
    except (OSError, ValueError, TypeError) as error:
        return [f"model.repeat={repeat}: write the folder of a run whose training ended ({error})"]
    return []


def repetition(plan: Plan, folder: Path, training: TrainingFacts) -> Section:
    """Tells the user how to repeat a training exactly. training: facts of `framework.train`."""
    note = message(
        "{steps:,} steps were learned from; to repeat them exactly: model.repeat={folder}",
        steps=training.steps,
        folder=str(folder),
    )
    return Section(message("Repetition"), note=note)
