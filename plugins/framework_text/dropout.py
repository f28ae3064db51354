"""Dropout that takes a CPU little time (Srivastava et al. 2014)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

DRAWN = 1 << 24  # numbers drawn once, from which masks are cut


class Dropout(nn.Module):
    """Sets a share of the activations to zero while training, and scales the others up.

    On a CPU torch draws a number for each activation, one after the other, which takes a third of a training step. Here a
    mask is cut at random out of one long mask. What only reads `p`, as attention does for its probabilities, finds 0:
    they are left whole.
    """

    p = 0.0

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return activations
        count = activations.numel()
        if activations.device.type != "cpu" or count >= DRAWN:
            return functional.dropout(activations, self.rate)
        begin = int(torch.randint(DRAWN - count, (1,)))
        left = _mask(self.rate)[begin : begin + count].view(activations.shape)
        return activations * left * (1 / (1 - self.rate))


@lru_cache(maxsize=2)
def _mask(rate: float) -> torch.Tensor:
    return torch.from_numpy(np.random.Generator(np.random.SFC64(0)).random(DRAWN, dtype=np.float32) >= rate)


def set_dropout(network: nn.Module, rate: float | None) -> None:
    """Puts `Dropout` in the place of each of torch's, in place. rate: None leaves the rates that the network has."""
    for name, part in network.named_children():
        if isinstance(part, nn.Dropout):
            setattr(network, name, Dropout(part.p if rate is None else rate))
        else:
            set_dropout(part, rate)
