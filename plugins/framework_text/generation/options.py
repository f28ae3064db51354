"""Options of candidates that write text with a language model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from framework import AS_WRITTEN, TIME_LIMIT
from framework_text.options import SHARED, Backbone

ADAPTERS = ("lora", "adalora", "none")
LEAST_STEPS = 3  # in which the ranks of adalora can fall


@dataclass
class Untuned:
    """Options of a candidate that answers with a language model as it came."""

    backbone: Backbone = SHARED


@dataclass
class Writing:
    """Options of a candidate that fine-tunes a language model, decoder-only or encoder-decoder."""

    backbone: Backbone = SHARED
    adapter: str = "lora"  # small matrices beside every linear layer learn; adalora: with more rank where it matters; none: all
    rank: int = 16  # of those matrices; with adalora their mean at the end
    alpha: int = 32  # what they say counts alpha / rank times
    # after which training ends, with the learning rate at 0; None: as long as it takes, or what the budget allows
    minutes: Optional[float] = field(default=10.0, metadata=TIME_LIMIT)
    # the folder of a run whose training is repeated: its rows, steps and learning rates
    repeat: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    attention: Optional[str] = None  # transformers' implementation to learn with, eager or sdpa; None: the faster one here
    rows: Optional[int] = None  # answers learned at most, drawn at random; None: as many as fit into the time
    epochs: int = 2  # at most; the learning rate falls to 0 by then
    learning_rate: float = 3e-4  # at the end of warm-up
    batch_size: int = 4  # rows of a step, over all devices together
    weight_decay: float = 0.0
    warmup: float = 0.06  # share of the steps
    patience: int = 2  # epochs without a better validation loss before training stops
    checkpointing: bool = False  # keep few activations and compute the others again: slower, less memory
