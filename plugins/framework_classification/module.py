"""The LightningModule of classifiers: cross entropy over a transformers sequence classifier."""

from __future__ import annotations

from typing import Any

import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from framework_text.encoder import EncoderModule
from framework_text.options import FineTuning


class Classifier(EncoderModule):
    """Logs train_loss, val_loss, val_accuracy and val_macro_f1."""

    def __init__(self, model: Any, classes: int, options: FineTuning, weights: list[float] | None = None) -> None:
        super().__init__(model, options, weights)
        self.accuracy = MulticlassAccuracy(classes, average="micro")
        self.macro_f1 = MulticlassF1Score(classes, average="macro")

    def judge(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        self.accuracy(logits, labels)
        self.macro_f1(logits, labels)
        size = len(labels)
        self.log("val_accuracy", self.accuracy, batch_size=size, on_epoch=True)
        self.log("val_macro_f1", self.macro_f1, prog_bar=True, batch_size=size, on_epoch=True)
