"""The LightningModule and its data: cross entropy over a transformers sequence classifier."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from framework import LengthBucketSampler
from framework_text.optimization import Optimized
from framework_text.options import FineTuning
from framework_text.tokens import Batch, TokenizedRows, batches


class Classifier(Optimized):
    """Logs train_loss, val_loss, val_accuracy and val_macro_f1."""

    def __init__(self, model: Any, classes: int, options: FineTuning, weights: list[float] | None = None) -> None:
        super().__init__()
        self.model = model
        self.options = options
        self.loss = nn.CrossEntropyLoss(torch.tensor(weights, dtype=torch.float32) if weights else None)
        self.accuracy = MulticlassAccuracy(classes, average="micro")
        self.macro_f1 = MulticlassF1Score(classes, average="macro")

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits (batch, classes) in fp32."""
        outputs = self.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        logits: torch.Tensor = outputs.logits.float()
        return logits

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        loss: torch.Tensor = self.loss(self(batch), batch["labels"])
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["labels"]))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        logits, labels = self(batch), batch["labels"]
        self.accuracy(logits, labels)
        self.macro_f1(logits, labels)
        size = len(labels)
        self.log("val_loss", self.loss(logits, labels), batch_size=size, sync_dist=True)
        self.log("val_accuracy", self.accuracy, batch_size=size, on_epoch=True)
        self.log("val_macro_f1", self.macro_f1, prog_bar=True, batch_size=size, on_epoch=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        matrices = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        vectors = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": self.options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        assert self.options.learning_rate is not None, "the plan decides it"
        return self.adamw(groups, self.options.learning_rate, self.options.warmup)


class ClassificationBatches(pl.LightningDataModule):
    """Length-bucketed batches, shared among the ranks of a distributed run."""

    def __init__(self, train: TokenizedRows, validation: TokenizedRows, pad: int, batch_size: int, seed: int) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.pad, self.batch_size, self.seed = pad, batch_size, seed

    def train_dataloader(self) -> Any:
        return batches(self.train, self._sampler(self.train, self.batch_size, shuffle=True), self.pad)

    def val_dataloader(self) -> Any:
        return batches(self.validation, self._sampler(self.validation, 2 * self.batch_size, shuffle=False), self.pad)

    def _sampler(self, rows: TokenizedRows, batch_size: int, *, shuffle: bool) -> LengthBucketSampler:
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return LengthBucketSampler(rows.lengths, batch_size, shuffle=shuffle, seed=self.seed, rank=rank, world=world)


class Probabilities(nn.Module):
    """What is exported: input_ids, attention_mask (batch, sequence) -> probabilities (batch, classes).

    Softmax of the logits divided by a temperature (Guo et al. 2017, On Calibration of Modern Neural Networks), in fp32.
    """

    def __init__(self, model: Any, temperature: float) -> None:
        super().__init__()
        model.set_attn_implementation("eager")  # exports to fewer nodes than sdpa, which guards against NaN
        self.model = model
        self.temperature = temperature

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return torch.softmax(logits.float() / self.temperature, dim=-1)
