"""Options of the recipe's `model:` section for fine-tuned text models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass
class BackboneSource:
    """Pretrained weights: replaced altogether when `model.name` is given."""

    name: Optional[str] = None  # a folder, package://distribution/folder, or a Hugging Face id
    revision: Optional[str] = None  # of a Hugging Face id: branch, tag or commit
    sha256: Optional[str] = None  # of model.safetensors; checked when given
    licence: Optional[str] = None


@dataclass
class FineTuning(BackboneSource):
    """The `model:` section of a recipe that fine-tunes a backbone."""

    source: BackboneSource = field(default_factory=BackboneSource)
    learning_rate: float = 1e-4  # at the end of warm-up
    batch_size: int = 32  # rows of one batch, over all devices together
    weight_decay: float = 0.01  # on matrices, not on biases and norms
    warmup: float = 0.06  # share of the steps
    patience: int = 2  # epochs without a better validation metric before training stops

    @property
    def backbone(self) -> BackboneSource:
        """The source in force: `name` and what stands beside it, or else `source`."""
        if self.name:
            return self
        return BackboneSource(**self.source) if isinstance(self.source, dict) else self.source
