"""How text models are optimized: fused AdamW, and a learning rate that rises and falls with the share of the training done."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR

from framework import InputError, Schedule
from framework_text.readiness import ENDLESS


class Optimized(pl.LightningModule):
    """A module with these, in every precision."""

    def adamw(self, groups: Any, learning_rate: float, warmup: float) -> OptimizerLRSchedulerConfig:
        """groups: parameters as torch takes them. warmup: share of the training in which the learning rate rises from 0; from
        there it falls to 0, linearly. Raises InputError for a training without an end.
        """
        fused = self.trainer.precision != "16-mixed"  # fp16's gradient scaler cannot clip for a fused optimizer
        optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=fused)
        schedule = Schedule.of(self.trainer)
        if self.trainer.estimated_stepping_batches == float("inf") and not schedule.ends:
            raise InputError(ENDLESS)

        def height(step: int) -> float:
            share = schedule.at(step)
            return share / warmup if share < warmup else (1 - share) / (1 - warmup)

        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, height), "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """As Lightning does, but also for a fused optimizer in bf16, which has no scaler that could object."""
        if self.trainer.precision != "bf16-mixed" or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            self.trainer.precision_plugin.clip_grad_by_value(optimizer, gradient_clip_val)
        else:
            self.trainer.precision_plugin.clip_grad_by_norm(optimizer, gradient_clip_val)
