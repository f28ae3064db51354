"""Options of candidates that write text with a language model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from framework import AS_WRITTEN, REPEATS, TIME_LIMIT
from framework_text.options import SHARED, Backbone

ADAPTERS = ("lora", "adalora", "none")
LEAST_STEPS = 3  # the fewest steps in which AdaLoRA can reduce ranks


@dataclass
class Untuned:
    """Options of a candidate that answers with a language model without fine-tuning."""

    backbone: Backbone = SHARED


@dataclass
class Writing:
    """Options of a candidate that fine-tunes a language model, decoder-only or encoder-decoder."""

    backbone: Backbone = SHARED
    adapter: str = "lora"  # LoRA on every linear layer; adalora: higher ranks where they matter; none: full fine-tuning
    rank: int = 16  # rank of the adapter; with adalora the mean rank at the end
    alpha: Optional[int] = None  # the adapter is scaled by alpha / rank; None: twice the rank
    # minutes after which training ends, with the learning rate at 0; None: all epochs, or what the budget allows
    minutes: Optional[float] = field(default=10.0, metadata=TIME_LIMIT)
    # the folder of a run whose training is repeated: its rows, steps and learning rates
    repeat: Optional[str] = field(default=None, metadata={**AS_WRITTEN, **REPEATS})
    attention: Optional[str] = None  # transformers' implementation in training, eager or sdpa; None: the faster on this machine
    rows: Optional[int] = None  # training rows at most, drawn at random; None: as many as fit into the time
    epochs: int = 2  # epochs at most; the learning rate reaches 0 at the end of the last
    learning_rate: float = 3e-4  # the highest, at the end of warm-up
    batch_size: int = 4  # rows of a step, over all devices together
    weight_decay: float = 0.0
    warmup: float = 0.06  # share of the steps in which the learning rate rises
    patience: int = 2  # epochs without a better validation loss before training stops
    checkpointing: bool = False  # gradient checkpointing: slower, less memory
