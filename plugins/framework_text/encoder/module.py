"""The LightningModule that trains an encoder with a head by cross entropy, and the module that is exported."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.nn import functional

from framework_text.optimization import Optimized
from framework_text.options import FineTuning
from framework_text.probe import take_head
from framework_text.shaping import by_depth
from framework_text.tokens import IGNORED, Batch


class EncoderModule(Optimized):
    """Trains an encoder with a head. Logs train_loss and val_loss; a subclass logs the metric, ``val_NAME``, in `judge`.

    model: a model of transformers, whose `logits` have the classes as their last axis. weights: of each class in the loss;
    None: 1 each.
    """

    def __init__(self, model: Any, options: FineTuning, weights: list[float] | None = None) -> None:
        super().__init__()
        self.model = model
        self.options = options
        self.loss = nn.CrossEntropyLoss(torch.tensor(weights, dtype=torch.float32) if weights else None, ignore_index=IGNORED)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits in fp32: (batch, classes), or (batch, sequence, classes) of a head over tokens."""
        outputs = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        logits: torch.Tensor = outputs.logits.float()
        return logits

    def loss_of(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean over labels that are not `IGNORED`; in training these are smoothed (Szegedy et al. 2016).

        Overridden by heads with another loss.
        """
        smoothing = self.options.label_smoothing if self.training else 0.0
        return functional.cross_entropy(
            logits.flatten(0, -2), labels.flatten(), self.loss.weight, ignore_index=IGNORED, label_smoothing=smoothing
        )

    def judge(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Logs metrics of validation. labels: (batch,), or (batch, sequence) of a head over tokens."""

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        loss = self.loss_of(self(batch), batch["labels"])
        self.log("train_loss", loss, prog_bar=True, batch_size=count_labels(batch["labels"]))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        logits, labels = self(batch), batch["labels"]
        self.log("val_loss", self.loss_of(logits, labels), batch_size=count_labels(labels), sync_dist=True)
        self.judge(logits, labels)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        rate = self.options.learning_rate
        assert rate is not None, "the plan decides it"
        groups: list[dict[str, Any]] = []
        for depth, parameters in by_depth(self.model, self.parameters(), self.options.layer_decay).items():
            matrices = [p for p in parameters if p.ndim > 1]
            vectors = [p for p in parameters if p.ndim <= 1]
            scaled = rate * self.options.layer_decay**depth
            groups.append({"params": matrices, "weight_decay": self.options.weight_decay, "lr": scaled})
            groups.append({"params": vectors, "weight_decay": 0.0, "lr": scaled})
        return self.adamw([group for group in groups if group["params"]], rate, self.options.warmup)


def count_labels(labels: torch.Tensor) -> int:
    """The number of labels that count in the loss."""
    return int((labels != IGNORED).sum())


class Probabilities(nn.Module):
    """The exported module: input_ids, attention_mask (batch, sequence) -> probabilities, of the shape of the model's logits.

    Softmax of the logits divided by a temperature (Guo et al. 2017, On Calibration of Modern Neural Networks), in fp32.
    """

    def __init__(self, model: Any, temperature: float = 1.0) -> None:
        super().__init__()
        model.set_attn_implementation("eager")  # exports to fewer nodes than sdpa, which guards against NaN
        self.model = model
        self.temperature = temperature

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return torch.softmax(logits.float() / self.temperature, dim=-1)


class LabelProbabilities(nn.Module):
    """The exported module of a head with any number of labels a text: input_ids, attention_mask (batch, sequence) ->
    probabilities (batch, labels), each whatever the others, and features (batch, width), the inputs of the head.

    Probabilities are the sigmoid of scale x logit + shift, both (labels,), in fp32: Platt scaling of each label. Raises
    ValueError for a model without a head of `config.num_labels` outputs.
    """

    def __init__(self, model: Any, scale: np.ndarray, shift: np.ndarray) -> None:
        super().__init__()
        model.set_attn_implementation("eager")
        self.head = take_head(model, model.config.num_labels)
        self.model = model
        self.scale, self.shift = (nn.Buffer(torch.tensor(values, dtype=torch.float32)) for values in (scale, shift))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.model(input_ids=input_ids, attention_mask=attention_mask).logits.float()
        return torch.sigmoid(self.head(features) * self.scale + self.shift), features
