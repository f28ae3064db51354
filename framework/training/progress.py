"""Says on the live line of the terminal how far a training is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar

from framework.contracts.evaluation import Metric

EVERY = 10  # batches between two updates


class Progress(ProgressBar):
    """Shows epoch, batches and the best metric so far. Ranks in other processes show nothing."""

    def __init__(self, show: Callable[[str], None], metric: Metric) -> None:
        """metric: the module logs it as ``val_NAME``."""
        super().__init__()
        self.show: Callable[[str], None] | None = show
        self.metric, self.values = metric, list[float]()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "show": None}  # a terminal cannot be handed to another process

    def disable(self) -> None:
        self.show = None

    def enable(self) -> None:
        """Does nothing: a disabled one stays so."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        done = batch_idx + 1
        if done == 1 or done % EVERY == 0 or done == self.total_train_batches:
            self._show(trainer, f"batch {done} of {self.total_train_batches}")

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._show(trainer, "validation")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(f"val_{self.metric.name}")
        if value is not None:
            self.values.append(float(value))
        self._show(trainer, "validated")

    def _show(self, trainer: pl.Trainer, what: str) -> None:
        if self.show is None:
            return
        best = ""
        if self.values:
            best = f", best {self.metric.name} {max(self.values) if self.metric.maximize else min(self.values):.4f}"
        self.show(f"epoch {trainer.current_epoch + 1}, {what}{best}")
