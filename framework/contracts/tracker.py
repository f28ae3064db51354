"""What a plugin provides that shows runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from framework.contracts.graph import Json
from framework.contracts.options import NoOptions


class TrackedRun(Protocol):
    """One run in a tracker. A Lightning logger has all of this but `finish`.

    Everything may raise: from the moment `Tracker.open` has returned, a failure is a warning and the run goes on.
    Where several processes train, `log_metrics` and `finalize` run in the first of them, on a pickled copy.
    """

    def log_hyperparams(self, params: dict[str, Json]) -> None:
        """The composed recipe, nested, before anything is fitted."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """What the model logs while it trains."""
        ...

    def finalize(self, status: str) -> None:
        """``"success"``: the training ended and the run goes on. ``"failed"``: the run ended early; may come twice."""
        ...

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        """The run succeeded: ``test/METRIC`` of the model, those of baselines and variants, and the sealed folder."""
        ...


@dataclass(frozen=True)
class Tracker:
    """Shows runs beside each other, while they train and afterwards.

    open: ``"module:function"``, called with the options, the recipe's name and the run's folder before anything is
        fitted; returns a `TrackedRun` or raises, which ends the run.
    options: without secrets, because the recipe is logged and sealed: those come from the environment.
    check: ``"module:function"``, called with the options when the recipe is composed, before anything heavy is imported;
        returns the problems it finds, such as a library that is not installed.
    """

    name: str
    open: str
    options: type = NoOptions
    check: str | None = None


class TrainingLog(Protocol):
    """A tracked run while a network is trained. Nothing of it raises."""

    @property
    def name(self) -> str: ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None: ...

    def finalize(self, status: str) -> None: ...
