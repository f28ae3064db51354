"""Dropout that is fast on a CPU (Srivastava et al. 2014)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional

DRAWN = 1 << 24  # length of the mask from which all masks are sliced


class Dropout(nn.Module):
    """Sets a share of the activations to zero in training, and scales the others up.

    On a CPU torch draws a random number for each activation in sequence, which takes a third of a training step. Here a mask is
    a random slice of one long mask. Modules that read `p` instead of calling this one, as attention does for its probabilities,
    find 0: they apply no dropout.
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
        mask = _mask(self.rate)[begin : begin + count].view(activations.shape)
        return activations * mask * (1 / (1 - self.rate))


@lru_cache(maxsize=2)
def _mask(rate: float) -> torch.Tensor:
    return torch.from_numpy(np.random.Generator(np.random.SFC64(0)).random(DRAWN, dtype=np.float32) >= rate)


def set_dropout(network: nn.Module, rate: float | None) -> None:
    """Replaces every `nn.Dropout` of a network by `Dropout`, in place. rate: None keeps the network's rates."""
    for name, part in network.named_children():
        if isinstance(part, nn.Dropout):
            setattr(network, name, Dropout(part.p if rate is None else rate))
        else:
            set_dropout(part, rate)
