"""The space of settings that a search may vary around a candidate's own: ranges and choices, by option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included. Whole numbers where both are `int`."""

    low: float
    high: float
    log: bool = False
    """Whether the logarithm is drawn uniformly; `low` must then be above 0."""
    start: float | None = None
    """The number that the option's default stands for, where the default is None; None: it is not known, or the default is a
    number."""


@dataclass(frozen=True)
class Choice:
    """One of several values: texts, numbers, booleans or None."""

    values: tuple[str | int | float | bool | None, ...]


Dimension = Range | Choice


@dataclass(frozen=True)
class Space:
    """What a search may vary. An option that the recipe sets to another value than its default is never varied."""

    options: Mapping[str, Dimension] = field(default_factory=dict)
    """By name of a field of `Candidate.options`."""
    task: Mapping[str, Dimension] = field(default_factory=dict)
    """By name of a field of `Task.options`: what the fit reads of the task's options, such as ``max_length``."""
    onward: Mapping[str, Dimension] = field(default_factory=dict)
    """By name of a field of `Candidate.options`: what is varied where a fit continues an earlier one, see `FitContext.begin`.
    Empty: fits always begin anew."""
    compared_early: bool = True
    """Whether a trial that falls behind others may be stopped; False where training is judged by another metric than the run's.
    """

    def __bool__(self) -> bool:
        return bool(self.options or self.task or self.onward)
