"""The LightningModule of classifiers with any number of labels a text: binary cross entropy over a sequence classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchmetrics.classification import BinaryPrecisionRecallCurve, MultilabelExactMatch, MultilabelPrecisionRecallCurve

from framework_text.encoder import EncoderModule
from framework_text.options import FineTuning

STEPS = (
    101  # thresholds, evenly spaced from 0 to 1, of which the best counts: they are chosen on validation after training, too
)


class BestMicroF1(BinaryPrecisionRecallCurve):
    """F1 of all labels together, at the best of `STEPS` thresholds."""

    def compute(self) -> torch.Tensor:  # type: ignore[override]
        precision, recall, _ = super().compute()
        return _f1(precision, recall).max()


class BestMacroF1(MultilabelPrecisionRecallCurve):
    """The mean F1 of the labels, each at the best of `STEPS` thresholds."""

    def compute(self) -> torch.Tensor:  # type: ignore[override]
        precision, recall, _ = super().compute()
        return _f1(torch.as_tensor(precision), torch.as_tensor(recall)).amax(-1).mean()


class LabelsClassifier(EncoderModule):
    """Logs train_loss, val_loss, val_micro_f1, val_macro_f1 and val_subset_accuracy (of answers above 0.5)."""

    def __init__(self, model: Any, labels: int, options: FineTuning) -> None:
        super().__init__(model, options)
        self.binary = nn.BCEWithLogitsLoss()
        self.micro_f1 = BestMicroF1(thresholds=STEPS)
        self.macro_f1 = BestMacroF1(labels, thresholds=STEPS)
        self.exact = MultilabelExactMatch(labels)

    def loss_of(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = self.options.label_smoothing if self.training else 0.0
        loss: torch.Tensor = self.binary(logits, labels.float() * (1 - smoothing) + smoothing / 2)
        return loss

    def judge(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        probabilities = logits.sigmoid()
        self.micro_f1.update(probabilities.flatten(), labels.flatten())
        self.macro_f1.update(probabilities, labels)
        self.exact.update(probabilities, labels)
        size = len(labels)
        self.log("val_micro_f1", self.micro_f1, prog_bar=True, batch_size=size, on_epoch=True)
        self.log("val_macro_f1", self.macro_f1, batch_size=size, on_epoch=True)
        self.log("val_subset_accuracy", self.exact, batch_size=size, on_epoch=True)


def _f1(precision: torch.Tensor, recall: torch.Tensor) -> torch.Tensor:
    """Of precision and recall; 0 where both are, and where nothing is answered, whose precision is not a number."""
    return torch.nan_to_num(2 * precision * recall / (precision + recall))
