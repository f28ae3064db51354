"""Trackers as Lightning loggers."""

from __future__ import annotations

from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from framework.contracts.tracker import TrainingLog


class TrackerLogger(Logger):
    """Passes the metrics that a module logs to a tracker, in the first process only."""

    def __init__(self, log: TrainingLog) -> None:
        super().__init__()
        self.log = log

    @property
    def name(self) -> str:
        return self.log.name

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Ignores the module's arguments, because the tracker has the recipe."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.log.log_metrics(metrics, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.log.finalize(status)
