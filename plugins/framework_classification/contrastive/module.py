"""The LightningModule of contrastive tuning: a softmax over the similarities of a text to classes and to other texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.nn.functional import normalize, one_hot

from framework_text.features import TokenMeans
from framework_text.optimization import Optimized
from framework_text.tokens import Batch

LEARNING_RATE = 1e-4  # of the encoder, the highest
FASTER = 10.0  # times as high: the learning rate of the prototypes, which are few numbers
WARMUP = 0.1  # share of the training in which the learning rate rises
WEIGHT_DECAY = 0.01  # of the encoder


class ContrastiveModule(Optimized):
    """Tunes an encoder so that a text is more similar to its class than to all others.

    A text is compared with a prototype of each class and with the other texts of its batch, by cosine. The loss is the mean,
    over those of its own class, of the negative log of the softmax of similarity / temperature (Khosla et al. 2020, Supervised
    Contrastive Learning; with prototypes among the compared: Cui et al. 2021, Parametric Contrastive Learning). With many
    classes few batches have two texts of a class, and the prototypes teach; with few classes texts teach each other. So batches
    need no balance of classes, and may be grouped by length. Tuning on pairs (Tunstall et al. 2022, SetFit) has the same aim.

    means: the encoder; the means over tokens of its last layer are compared. weights: of each class in the loss; None: 1 each.
    """

    def __init__(self, means: TokenMeans, classes: int, temperature: float, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.means, self.temperature = means, temperature
        self.prototypes = nn.Parameter(torch.zeros(classes, means.width // 2))
        self.weights = nn.Buffer(torch.tensor(weights or [1.0] * classes))

    def begin_from(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Sets each prototype to the mean of its class.

        features: (texts, 2 x width) of the encoder before tuning. targets: (texts,) class numbers. A class without texts begins
        at the mean of all.
        """
        last = normalize(torch.from_numpy(features)[:, : self.prototypes.shape[1]], dim=-1)
        numbers = torch.from_numpy(targets)
        with torch.no_grad():
            self.prototypes.copy_(last.mean(0))
            for number in numbers.unique():
                self.prototypes[number] = last[numbers == number].mean(0)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Normalised means of the last layer, float32 (batch, width)."""
        features = self.means(batch["input_ids"], batch["attention_mask"])
        return normalize(features[:, : self.prototypes.shape[1]], dim=-1)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        labels = batch["labels"]
        loss = contrastive_loss(self(batch), normalize(self.prototypes, dim=-1), labels, self.temperature)
        weights = self.weights[labels]
        loss = (loss * weights).sum() / weights.sum()
        self.log("train_loss", loss, prog_bar=True, batch_size=len(labels))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        encoder = [weights for weights in self.means.parameters() if weights.requires_grad]
        groups = [
            {"params": encoder, "weight_decay": WEIGHT_DECAY},
            {"params": [self.prototypes], "lr": FASTER * LEARNING_RATE, "weight_decay": 0.0},
        ]
        return self.adamw(groups, LEARNING_RATE, WARMUP)


def contrastive_loss(texts: torch.Tensor, prototypes: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """The loss of each text, (texts,); see `ContrastiveModule`.

    texts: (texts, width) and prototypes: (classes, width), of length one. labels: (texts,) class numbers.
    """
    itself = torch.eye(len(texts), dtype=torch.bool, device=texts.device)
    between = (texts @ texts.T / temperature).masked_fill(itself, float("-inf"))
    scores = torch.cat([texts @ prototypes.T / temperature, between], dim=1).log_softmax(-1)
    same = (labels[:, None] == labels[None, :]) & ~itself
    positive = torch.cat([one_hot(labels, len(prototypes)).bool(), same], dim=1)
    return -scores.masked_fill(~positive, 0.0).sum(1) / positive.sum(1)
