"""The sentence encoder that reads texts of items: at training for all of them, in the artifact for those that come later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from framework import Graph, LengthBucketSampler, Tensor
from framework_recommendation.readiness import encoder_folder
from framework_text import backbones
from framework_text.options import BackboneSource
from framework_text.tokenizer import example_tokens

NAME = "item_text"
MAX_LENGTH = 64  # tokens: titles, genres, the first sentences of a description
BATCH = 64
TOLERANCE = 1e-4


class Encoder(nn.Module):
    """input_ids, attention_mask (batch, sequence) -> the mean of the token states, (batch, dimensions), of length 1."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        found: torch.Tensor = nn.functional.normalize(mean, dim=-1)
        return found


@dataclass(frozen=True)
class TextEncoder:
    """tokenizer: of transformers. max_length: tokens of a text; longer ones are cut."""

    network: Encoder
    tokenizer: Any
    max_length: int
    vocabulary: int
    dimensions: int

    @classmethod
    def of(cls, source: BackboneSource) -> TextEncoder:
        """Raises InputError for a backbone that was not made to turn a text into a vector."""
        folder = encoder_folder(source)
        model = backbones.load_model("AutoModel", folder)
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        for part in model.modules():
            if hasattr(part, "loss_type"):
                part.loss_type = "ForSequenceClassification"  # or transformers warns while TorchScript is traced
        tokenizer = backbones.load_tokenizer(folder, 1)  # which refuses those that take less
        length = min(MAX_LENGTH, tokenizer.model_max_length)
        return cls(Encoder(model).eval(), tokenizer, length, model.config.vocab_size, model.config.hidden_size)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) float32, zeros for a text of nothing but spaces."""
        found = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        filled = [place for place, text in enumerate(texts) if text.strip()]
        if not filled:
            return found
        ids = self.tokenizer([texts[place] for place in filled], truncation=True, max_length=self.max_length)["input_ids"]
        with torch.inference_mode():
            for batch in LengthBucketSampler([len(one) for one in ids], BATCH, shuffle=False):
                encoded = self.tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
                vectors = self.network(encoded["input_ids"], encoded["attention_mask"])
                found[[filled[i] for i in batch]] = vectors.numpy()
        return found

    def graph(self) -> Graph:
        axes = ("batch", "sequence")
        pad = self.tokenizer.pad_token_id or 0
        return Graph(
            NAME,
            inputs=(Tensor("input_ids", "int64", axes, pad=pad), Tensor("attention_mask", "int64", axes)),
            outputs=(Tensor("text_vector", "float32", ("batch", self.dimensions)),),
            axes={"sequence": (1, self.max_length)},
            tolerance={"text_vector": TOLERANCE},
            source=self.network,
            example=partial(example_tokens, vocabulary=self.vocabulary),
        )
