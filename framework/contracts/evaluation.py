"""The number that a task is judged by, and what judging gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.contracts.message import listed, message
from framework.contracts.section import Section


@dataclass(frozen=True)
class Metric:
    """The number a task is judged by, a key of `Evaluation.metrics`."""

    name: str
    maximize: bool = True

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`; negative when it is worse."""
        return value - over if self.maximize else over - value


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name (fractions, not per cent) and the tables that explain them.

    protocol: how they were measured, in words, where the same names mean other numbers elsewhere; it stands beside them.
    untested: values of the target of which there are no rows, so that the metrics say nothing of them.
    """

    metrics: dict[str, float]
    sections: Sequence[Section] = ()
    protocol: str = ""
    untested: Sequence[str] = ()

    @property
    def limits(self) -> str:
        """What the metrics say nothing of, a sentence; empty where there is nothing."""
        if not self.untested:
            return ""
        labels = listed(self.untested)
        if len(self.untested) == 1:
            return message("No rows of {labels} were judged: these numbers say nothing of it.", labels=labels)
        return message("No rows of {labels} were judged: these numbers say nothing of them.", labels=labels)
