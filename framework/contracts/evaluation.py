"""Metrics, and the evaluation of a model's answers by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.contracts.message import listed, message
from framework.contracts.section import Section


@dataclass(frozen=True)
class Metric:
    """A number that models are judged by."""

    name: str
    """Its key in `Evaluation.metrics`."""
    maximize: bool = True
    """Whether a larger value is better."""

    def gain(self, value: float, over: float) -> float:
        """How much better `value` is than `over`; negative if it is worse."""
        return value - over if self.maximize else over - value


@dataclass(frozen=True)
class Evaluation:
    """How good a model's answers are."""

    metrics: dict[str, float]
    """By name; fractions, not per cent."""
    sections: Sequence[Section] = ()
    """Tables that explain the metrics, such as a confusion matrix."""
    protocol: str = ""
    """How the metrics were measured, a sentence to show beside them; empty where the metric's name says it."""
    untested: Sequence[str] = ()
    """Labels without rows, about which the metrics say nothing."""

    @property
    def limits(self) -> str:
        """A sentence that names the untested labels; empty if there are none."""
        if not self.untested:
            return ""
        labels = listed(self.untested)
        if len(self.untested) == 1:
            return message("No rows of {labels} were judged: these numbers say nothing of it.", labels=labels)
        return message("No rows of {labels} were judged: these numbers say nothing of them.", labels=labels)
