"""How text models are optimized: fused AdamW, and a learning rate that falls linearly after its warm-up."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_linear_schedule_with_warmup

from framework import InputError
from framework_text.readiness import ENDLESS


class Optimized(pl.LightningModule):
    """A module with these, in every precision."""

    def adamw(self, groups: Any, learning_rate: float, warmup: float) -> OptimizerLRSchedulerConfig:
        """groups: parameters as torch takes them. warmup: share of the steps. Raises InputError for endless ones."""
        fused = self.trainer.precision != "16-mixed"  # fp16's gradient scaler cannot clip for a fused optimizer
        optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=fused)
        if self.trainer.estimated_stepping_batches == float("inf"):
            raise InputError(ENDLESS)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule: LambdaLR = get_linear_schedule_with_warmup(optimizer, int(steps * warmup), steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

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
