"""The popularity baseline, which reads no history."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.trained import Rebuildable, SideInformation, Trained
from framework_recommendation.options import PopularityOptions


class Ones(Rebuildable):
    """(batch, 1) ones, whatever the history."""

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(history[:, :1], dtype=torch.float32)


def fit(
    train: Interactions,
    held_out: HeldOutUsers,
    options: PopularityOptions,
    context: FitContext[Any, Any],
    side: SideInformation,
) -> Trained:
    """The score of an item is its share of all interactions."""
    shares = train.counts() / max(1, len(train))
    return Trained(Ones().eval(), shares[:, None].astype(np.float32), max_history=1)
