"""Writes the metric of each validation to a file, from which another process tells how far and how good a training is."""

from __future__ import annotations

import json
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from framework.training.records import VALIDATIONS
from framework.training.schedule import Schedule


class Validations(Callback):
    """Appends ``[share, value]`` to `validations.jsonl` after each validation: the share of the training that is done, and the
    metric.
    """

    def __init__(self, folder: Path, monitor: str, *, resumed: bool) -> None:
        """folder: of the fit. monitor: name under which the module logs the metric. resumed: whether the file is continued."""
        self.path, self.monitor = folder / VALIDATIONS, monitor
        if not resumed:
            self.path.unlink(missing_ok=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        value = trainer.callback_metrics.get(self.monitor)
        if value is None or not trainer.is_global_zero or trainer.sanity_checking:
            return
        shares = Schedule.of(trainer).shares  # read, not asked: a share is decided when its step ends
        share = shares[min(trainer.global_step, len(shares) - 1)] if shares else 0.0
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([round(share, 4), float(value)]) + "\n")
