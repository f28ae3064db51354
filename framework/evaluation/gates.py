"""Gates: bounds on metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from framework.errors import InputError, nearest


@dataclass(frozen=True)
class Gate:
    """A bound on one metric."""

    metric: str
    bound: float
    lowest: bool
    """Whether the bound is the lowest value allowed; otherwise it is the highest."""

    def holds(self, value: float) -> bool:
        """Whether a value of the metric is within the bound; NaN never is."""
        return value >= self.bound if self.lowest else value <= self.bound

    def verdict(self, value: float) -> str:
        """A sentence that says whether the gate holds for a value of the metric."""
        kind, holds = "least" if self.lowest else "most", "holds" if self.holds(value) else "FAILS"
        return f"gate {holds}: {self.metric} is {value:.4f}, where at {kind} {self.bound:g} is asked for"


def gates_of(minimum: Mapping[str, float], maximum: Mapping[str, float]) -> list[Gate]:
    """The gates. minimum, maximum: the lowest and the highest value allowed, by metric.

    Raises InputError for a bound that is no finite number.
    """
    gates = [Gate(*pair, lowest) for bounds, lowest in ((minimum, True), (maximum, False)) for pair in bounds.items()]
    wrong = [f"the bound of {gate.metric} is a number, not {gate.bound!r}" for gate in gates if not _is_number(gate.bound)]
    if wrong:
        raise InputError(*wrong)
    return gates


def check_gates(gates: Sequence[Gate], metrics: Mapping[str, float]) -> None:
    """Raises InputError for gates of unknown metrics. metrics: those that the task computes, by name."""
    unknown = [gate.metric for gate in gates if gate.metric not in metrics]
    if unknown:
        raise InputError(*(f"no metric {name!r}; {nearest(name, metrics, 'metrics')}" for name in unknown))


def _is_number(bound: object) -> bool:
    return isinstance(bound, int | float) and not isinstance(bound, bool) and math.isfinite(bound)
