"""How long the encoder is tuned: as many passes over the rows as they need, or as fit into the time. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from framework import FitContext, InputError, Section, joined, message
from framework_classification import Classification
from framework_classification.contrastive.options import ContrastiveTuning

Context = FitContext[Classification, ContrastiveTuning]
PASSES = 12  # over the rows, unless they are many or the recipe says otherwise
ENOUGH = 40_000  # texts learned after which the time is left to fine-tuning: twice as many bring banking77 nothing
LEAST = 4  # passes for which the time must last: where it lasts for fewer, fine-tuning learns more from it
BATCH, SMALL_BATCH = 32, 16  # texts of a step
FEW = 500  # texts below which a step has `SMALL_BATCH` of them, for more steps a pass
READING = 3.0  # texts are read this many times as fast as they are learned: a step computes gradients as well
LEAST_READING = 2.0  # the least that READING can be: a step computes forwards and backwards
SHARE = 0.8  # of the time of a fit for tuning and reading; regression and calibration take the rest


@dataclass(frozen=True)
class TuningPlan:
    """The passes over the texts, and the time in which they end."""

    texts: int
    """Texts of a pass: training rows and class names."""
    classes: int
    passes: int
    """At most."""
    batch: int
    """Texts of a step."""
    pace: float
    """Texts a second that are learned on this machine."""
    seconds: float
    """Time for tuning; infinite without a limit."""

    def section(self) -> Section:
        steps = self.passes * ceil(self.texts / self.batch)
        rows: list[tuple[str, str]] = [
            (message("texts of a pass"), f"{self.texts:,}"),
            (message("passes at most"), f"{self.passes}"),
            (message("steps at most"), f"{steps:,}"),
            (message("pairs of a text and a class a pass"), f"{self.texts * self.classes:,}"),
            (message("texts learned a second"), f"{self.pace:.0f}"),
        ]
        fitting = self.seconds * self.pace / self.texts
        notes = [_ended(self.seconds, fitting)] if fitting < self.passes else []
        return Section(message("Contrastive tuning"), ("", ""), rows, joined(notes))


def batch_size(texts: int) -> int:
    """Texts of a step."""
    return SMALL_BATCH if texts < FEW else BATCH


def check_time(texts: int, read: int, reading: float, context: Context) -> None:
    """Raises InputError, as `plan_of`, where the time would be too short even if texts were learned faster than they can be.

    texts, read: as of `plan_of`. reading: texts read a second.
    """
    plan_of(texts, read, 1, reading / LEAST_READING, context)


def plan_of(texts: int, read: int, classes: int, pace: float, context: Context) -> TuningPlan:
    """The plan for the time that budget and options leave.

    texts: of a pass. read: rows whose features are computed after tuning. pace: texts learned a second. Raises InputError where
    the time does not cover `LEAST` passes, or as many as the recipe asks for.
    """
    needed = max(LEAST, min(PASSES, ceil(ENOUGH / texts)))
    seconds, passes = _seconds(read, pace, context), context.options.passes or needed
    if seconds * pace < texts * min(LEAST, passes):
        raise InputError(_too_short(texts, min(LEAST, passes), pace, seconds))
    return TuningPlan(texts, classes, passes, batch_size(texts), pace, seconds)


def _seconds(read: int, pace: float, context: Context) -> float:
    """The time for tuning: without the time for reading the rows afterwards."""
    minutes = context.options.tune_minutes
    within = SHARE * context.budget.remaining() - read / (READING * pace)
    return max(0.0, min(within, inf if minutes is None else 60 * minutes))


def _too_short(texts: int, passes: int, pace: float, seconds: float) -> str:
    return message(
        "it is for few rows: {passes} passes over {texts:,} texts take {needed:.0f} s or more on this machine, and "
        "{seconds:.0f} s are left for it; write a longer budget= or candidates.contrastive.tune_minutes=",
        passes=passes,
        texts=texts,
        needed=passes * texts / pace,
        seconds=seconds,
    )


def _ended(seconds: float, fitting: float) -> str:
    return message(
        "tuning ends after {seconds:.0f} s, about {fitting:.1f} passes, with the learning rate at 0",
        seconds=seconds,
        fitting=fitting,
    )
