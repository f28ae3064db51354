"""The optimizer of text models: fused AdamW, with linear warm-up and decay over the share of training done."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR

from framework import InputError, Schedule
from framework_text.readiness import ENDLESS


class Optimized(pl.LightningModule):
    """A LightningModule with AdamW and gradient clipping, in every precision."""

    def adamw(self, groups: Any, learning_rate: float, warmup: float) -> OptimizerLRSchedulerConfig:
        """AdamW whose learning rate rises linearly from 0 during warm-up, then falls linearly to 0.

        groups: parameter groups as torch takes them. learning_rate: the highest. warmup: share of the training. Raises
        InputError for a training without an end.
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
        """As in Lightning, but also for a fused optimizer in bf16, which Lightning refuses although it scales no gradients."""
        if self.trainer.precision != "bf16-mixed" or not gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            self.trainer.precision_plugin.clip_grad_by_value(optimizer, gradient_clip_val)
        else:
            self.trainer.precision_plugin.clip_grad_by_norm(optimizer, gradient_clip_val)
