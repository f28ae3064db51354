"""Features of texts from a frozen encoder, and a linear classifier over them as one graph.

Features of earlier layers are often better than those of the last one; concatenating both avoids choosing a layer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from framework import LengthBucketSampler, batches_by_length
from framework_text import backbones, feature_cache
from framework_text.familiar_module import Familiarity
from framework_text.familiarity import Distance
from framework_text.precision import computes_in_bfloat16
from framework_text.tokens import EncodedRows, TokenizedRows, batches

ROWS = 32  # rows of a batch; larger batches are slower on a CPU
TIMED = 4  # batches on which the encoder's speed is measured, at most
ANSWERING = 2.0  # times as long as reading a text in bfloat16: answering it, in float32


class FrozenEncoder:
    """A pretrained encoder that is not trained. Its weights are loaded only when features are not in the cache.

    folder: of the backbone, see `backbones.fetch`. max_length: tokens at which texts are truncated. unit: see `TokenMeans`.
    tuned: see the attribute.
    """

    def __init__(self, folder: Path, max_length: int, *, unit: bool = False, tuned: bool = False) -> None:
        self.folder, self.max_length, self.unit = folder, max_length, unit
        self.tokenizer = backbones.load_tokenizer(folder, max_length)
        self.tuned = tuned
        """Whether the weights of `module` were tuned to the data: their features are kept by this object, not in the cache."""
        self._measured: float | None = None
        self._kept: dict[tuple[str, ...], np.ndarray] = {}

    @cached_property
    def module(self) -> TokenMeans:
        return TokenMeans(backbones.load_model("AutoModel", self.folder), unit=self.unit).eval()

    @cached_property
    def _identity(self) -> str:
        kind = ["unit"] * self.unit
        return feature_cache.identity(self.folder, self.max_length, computes_in_bfloat16(), *kind)

    def texts_within(self, seconds: float, texts: Sequence[str], seconds_after: float = 0.0) -> float:
        """The number of texts whose features this machine can compute in `seconds`; infinite where the cache holds the
        features of `texts`. seconds_after: what a text takes beside the reading, within the same `seconds`.

        The speed is measured on a sample of `texts`. seconds: infinity is no limit.
        """
        if seconds == inf or self.cached(texts):
            return inf
        return seconds / (1 / self.pace(texts) + seconds_after)

    def seconds_to_answer(self, count: int, texts: Sequence[str]) -> float:
        """How long a classifier over this encoder takes to answer so many texts like these, by the measured speed."""
        if not count:
            return 0.0
        return (ANSWERING if computes_in_bfloat16() else 1.0) * count / self.pace(texts)

    def pace(self, texts: Sequence[str]) -> float:
        """Texts read a second, measured once, on a sample of these."""
        if self._measured is None:
            warming, groups = batches_by_length([len(text) for text in texts], ROWS, TIMED)
            self._computed([texts[i] for i in warming])  # the first pass through a module allocates
            sample = [texts[i] for i in np.concatenate(groups)]
            started = time.perf_counter()
            self._computed(sample)
            self._measured = len(sample) / (time.perf_counter() - started)
        return self._measured

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Features of texts, float32 (texts, width of the module), computed once for the same texts: those of a `tuned` encoder
        are kept by this object, others in the cache.
        """
        if not self.tuned:
            return feature_cache.cached_features(self._identity, texts, lambda: self._computed(texts))
        key = tuple(texts)
        if key not in self._kept:
            self._kept[key] = self._computed(texts)
        return self._kept[key]

    def cached(self, texts: Sequence[str]) -> bool:
        """Whether the cache holds the features of these texts, so that `features` takes no time."""
        return not self.tuned and feature_cache.holds(self._identity, texts)

    def _computed(self, texts: Sequence[str]) -> np.ndarray:
        return self.features_of(TokenizedRows(self.tokenizer, texts, [0] * len(texts), self.max_length))

    def features_of(self, rows: EncodedRows, batch_size: int = ROWS) -> np.ndarray:
        """Features of token ids, float32 (rows, width of the module), computed in any case."""
        sampler = LengthBucketSampler(rows.lengths, batch_size, shuffle=False)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        module = self.module.to(device)
        features = np.zeros((len(rows), module.width), np.float32)
        try:
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=computes_in_bfloat16()):
                for numbers, batch in zip(sampler, batches(rows, sampler, self.tokenizer.pad_token_id or 0), strict=True):
                    means = module(batch["input_ids"].to(device), batch["attention_mask"].to(device))
                    features[numbers] = means.float().cpu().numpy()
        finally:
            module.to("cpu")
        return features


class TokenMeans(nn.Module):
    """Mean pooling: input_ids, attention_mask (batch, sequence) -> features, float32 (batch, width).

    Concatenates two means over tokens: of the last layer's states, and of the average of all layers' states, embeddings
    included. unit: the mean of the last layer alone, scaled to length one, as sentence encoders are compared by cosine.
    """

    def __init__(self, encoder: Any, *, unit: bool = False) -> None:
        super().__init__()
        encoder.set_attn_implementation("eager")  # no slower on short texts, and exports to fewer nodes than sdpa
        self.encoder, self.unit = backbones.as_encoder(encoder), unit
        self.width = encoder.config.hidden_size if unit else 2 * encoder.config.hidden_size

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        outputs = self.encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=not self.unit)
        states = outputs.last_hidden_state.float()
        if not self.unit:
            every = sum(state.float() for state in outputs.hidden_states) / len(outputs.hidden_states)
            states = torch.cat([states, every], dim=-1)
        mask = attention_mask.unsqueeze(-1).float()
        means = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
        return nn.functional.normalize(means, dim=-1) if self.unit else means


class FrozenClassifier(nn.Module):
    """The exported classifier: input_ids, attention_mask (batch, sequence) -> probabilities (batch, classes), features (batch,
    width), and with a distance the familiarity (batch,).

    Probabilities are the softmax of (standardised features x weight + bias) / temperature; where a text has several labels, the
    sigmoid of each.
    mean, scale: float32 (features,), of the training rows. weight: float32 (classes, features). bias: float32 (classes,).
    """

    def __init__(
        self,
        features: TokenMeans,
        mean: np.ndarray,
        scale: np.ndarray,
        weight: np.ndarray,
        bias: np.ndarray,
        temperature: float,
        distance: Distance | None = None,
        several: bool = False,
    ) -> None:
        super().__init__()
        self.features = features
        self.familiarity = Familiarity(distance) if distance is not None else None
        self.mean, self.scale = nn.Buffer(torch.tensor(mean)), nn.Buffer(torch.tensor(scale))
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        self.temperature = temperature
        self.several = several

    def probabilities(self, features: torch.Tensor) -> torch.Tensor:
        """Of features (batch, width), float32 (batch, classes)."""
        logits = self.head((features - self.mean) / self.scale) / self.temperature
        return torch.sigmoid(logits) if self.several else torch.softmax(logits, dim=-1)

    def with_head(self, weight: np.ndarray, bias: np.ndarray) -> FrozenClassifier:
        """The same classifier with another head."""
        mean, scale = self.mean.numpy(), self.scale.numpy()
        return FrozenClassifier(self.features, mean, scale, weight, bias, self.temperature, several=self.several).eval()

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that the constructor takes, by the names of its parameters; without those of the distance."""
        head = {"weight": self.head.weight.detach().numpy(), "bias": self.head.bias.detach().numpy()}
        return {"mean": self.mean.numpy(), "scale": self.scale.numpy(), **head}

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.features(input_ids, attention_mask)
        probabilities = self.probabilities(features)
        if self.familiarity is None:
            return probabilities, features
        return probabilities, features, self.familiarity(features)
