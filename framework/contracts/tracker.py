"""The contract of a tracker, which shows runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from framework.contracts.graph import Json
from framework.contracts.options import NoOptions


class TrackedRun(Protocol):
    """One run in a tracker. A Lightning logger has all of these methods except `finish`.

    Every method may raise: once the run has begun, the framework turns the error into a warning, and the run goes on.
    Where several processes train, `log_metrics` and `finalize` run in the first of them, on a pickled copy.
    """

    def log_hyperparams(self, params: dict[str, Json]) -> None:
        """Logs the composed recipe, as nested mappings, before any fit. An error here ends the run."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs metrics during training."""
        ...

    def finalize(self, status: str) -> None:
        """status: ``"success"`` when a training ended and the run goes on, ``"failed"`` when the run ended early. The call may
        be repeated.
        """
        ...

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        """Logs the final metrics of a run that succeeded.

        metrics: ``test/METRIC`` of the shipped file, and those of baselines and variants. artifact: the sealed folder.
        """
        ...


@dataclass(frozen=True)
class Tracker:
    """Shows runs beside each other, during training and afterwards."""

    name: str
    """The NAME of ``tracker=[NAME]``."""
    open: str
    """``"module:function"``, called with the options, the recipe's name and the run's folder before any fit; returns a
    `TrackedRun`. An error that it raises ends the run."""
    options: type = NoOptions
    """Dataclass that types the section ``tracker.NAME``. It holds no secrets, because the recipe is logged and sealed: read
    them from the environment."""
    check: str | None = None
    """``"module:function"``, called with the options when the recipe is composed; returns a list of problems, such as a library
    that is not installed. It imports nothing slow."""


class TrainingLog(Protocol):
    """A tracked run during the training of a network. Its methods never raise."""

    @property
    def name(self) -> str: ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None: ...

    def finalize(self, status: str) -> None: ...
