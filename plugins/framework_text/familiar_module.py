"""Familiarity inside the graph of an encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from framework_text.familiarity import Distance
from framework_text.probe import take_head


class Familiarity(nn.Module):
    """features (batch, width) -> familiarity (batch,), float32, from 0 to 1, as `Distance.familiarity` computes it.

    It computes in float64: the squares of far centers are large, and their differences small.
    """

    def __init__(self, distance: Distance) -> None:
        super().__init__()
        arrays = {name: torch.tensor(array, dtype=torch.float64) for name, array in distance.arrays().items()}
        self.mean, self.whitening = nn.Buffer(arrays["mean"]), nn.Buffer(arrays["whitening"])
        self.centers, self.background = nn.Buffer(arrays["centers"]), nn.Buffer(arrays["background"])
        self.scaling = nn.Buffer(arrays["scaling"])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        whitened = (features.double() - self.mean) @ self.whitening
        nearest = (self.centers.square().sum(-1) - 2 * whitened @ self.centers.T).amin(-1)
        distance = nearest + (whitened.square() * (1 - self.background)).sum(-1)
        return torch.sigmoid((self.scaling[0] - distance) / self.scaling[1]).float()


class FamiliarClassifier(nn.Module):
    """The exported module of a fine-tuned classifier: input_ids, attention_mask (batch, sequence) -> probabilities (batch,
    classes), features (batch, width), and with a distance the familiarity (batch,).

    Features are the inputs of the head, which is taken out of `model`. Probabilities are the softmax of the logits divided by a
    temperature (Guo et al. 2017), in fp32. Raises ValueError for a model without a head of `config.num_labels` outputs.
    """

    def __init__(self, model: Any, temperature: float, distance: Distance | None = None) -> None:
        super().__init__()
        model.set_attn_implementation("eager")  # exports to fewer nodes than sdpa, which guards against NaN
        self.head = take_head(model, model.config.num_labels)
        self.model = model
        self.familiarity = Familiarity(distance) if distance is not None else None
        self.temperature = temperature

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.model(input_ids=input_ids, attention_mask=attention_mask).logits.float()
        probabilities = torch.softmax(self.head(features) / self.temperature, dim=-1)
        if self.familiarity is None:
            return probabilities, features
        return probabilities, features, self.familiarity(features)
