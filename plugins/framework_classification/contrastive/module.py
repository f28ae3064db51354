"""The LightningModule of contrastive tuning: a softmax over the similarities of a text to a prototype of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.nn.functional import normalize

from framework_text.features import TokenMeans
from framework_text.optimization import Optimized
from framework_text.tokens import Batch

LEARNING_RATE = 1e-4  # of the encoder, the highest
FASTER = 10.0  # times as high: the learning rate of the prototypes, which are few numbers
WARMUP = 0.1  # share of the training in which the learning rate rises
WEIGHT_DECAY = 0.01  # of the encoder


class PrototypeTuning(Optimized):
    """Tunes an encoder so that a text is more similar to its class than to all others.

    The loss is the cross entropy of softmax(cosine(text, prototype of each class) / temperature). Each text is compared with
    every class in every step, so that batches need not hold several rows of a class and may be grouped by length
    (Movshovitz-Attias et al. 2017, No Fuss Distance Metric Learning Using Proxies; prototypes begin at the means of the classes
    as in Snell et al. 2017). Tuning on pairs of texts (Tunstall et al. 2022, SetFit) has the same aim and reads many times as
    many texts.

    means: the encoder, whose features have length one. weights: of each class in the loss; None: 1 each.
    """

    def __init__(self, means: TokenMeans, classes: int, temperature: float, weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.means, self.temperature = means, temperature
        self.prototypes = nn.Parameter(torch.zeros(classes, means.width))
        self.loss = nn.CrossEntropyLoss(torch.tensor(weights, dtype=torch.float32) if weights else None)

    def begin_from(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Sets each prototype to the mean of its class; a class without texts begins at the mean of all.

        features: (texts, width) of the encoder before tuning. targets: (texts,) class numbers.
        """
        with torch.no_grad():
            self.prototypes.copy_(torch.from_numpy(features.mean(0)))
            for number in np.unique(targets):
                self.prototypes[number] = torch.from_numpy(features[targets == number].mean(0))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Cosine similarities of texts and classes, float32 (batch, classes)."""
        features = self.means(batch["input_ids"], batch["attention_mask"])
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 has two digits for them
            similarities: torch.Tensor = features @ normalize(self.prototypes, dim=-1).T
        return similarities

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        loss: torch.Tensor = self.loss(self(batch) / self.temperature, batch["labels"])
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["labels"]))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        encoder = [weights for weights in self.means.parameters() if weights.requires_grad]
        groups = [
            {"params": encoder, "weight_decay": WEIGHT_DECAY},
            {"params": [self.prototypes], "lr": FASTER * LEARNING_RATE, "weight_decay": 0.0},
        ]
        return self.adamw(groups, LEARNING_RATE, WARMUP)
