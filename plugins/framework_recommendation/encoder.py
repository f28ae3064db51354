"""The sentence encoder for texts of items: in training for all items, in the artifact for items that are added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from framework import Graph, InputError, LengthBucketSampler, Tensor
from framework_recommendation.readiness import encoder_folder
from framework_text import backbones
from framework_text.options import BackboneAddress
from framework_text.tokenizer import example_tokens

NAME = "item_text"  # name of the graph
FILE = "encoder.json"  # file in the fitted folder of a candidate
MAX_LENGTH = 64  # tokens of a text, at most: title, genres, the first sentences of a description
BATCH = 64  # texts of a batch, at most
TOLERANCE = 1e-4  # largest absolute difference between the trained module and an exact file


class MeanPooledEncoder(nn.Module):
    """input_ids, attention_mask (batch, sequence) int64 -> the mean of the token states, (batch, dimensions), of length 1."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.config: Any = backbone.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        normalized: torch.Tensor = nn.functional.normalize(mean, dim=-1)
        return normalized


@dataclass(frozen=True)
class TextEncoder:
    """A pretrained sentence encoder with its tokenizer."""

    source: BackboneAddress
    folder: Path
    """Holds the weights and the tokenizer."""
    max_length: int
    """Tokens of a text, at most; longer texts are cut."""
    pad: int
    """The token that fills up the shorter texts of a batch."""

    @classmethod
    def of(cls, source: BackboneAddress) -> TextEncoder:
        """Fetches an encoder. Raises InputError for a backbone that is not a sentence encoder."""
        folder = encoder_folder(source)
        tokenizer = backbones.load_tokenizer(folder, 1)  # 1: no length is needed, because texts are cut
        return cls(source, folder, min(MAX_LENGTH, tokenizer.model_max_length), tokenizer.pad_token_id or 0)

    @cached_property
    def network(self) -> MeanPooledEncoder:
        """The encoder as a module, in eval mode."""
        model = backbones.load_model("AutoModel", self.folder)
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        for part in model.modules():
            if hasattr(part, "loss_type"):
                part.loss_type = "ForSequenceClassification"  # transformers warns otherwise while TorchScript is traced
        return MeanPooledEncoder(model).eval()

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers."""
        return backbones.load_tokenizer(self.folder, 1)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) float32; zeros for texts that are empty or only spaces."""
        vectors = np.zeros((len(texts), self.network.config.hidden_size), dtype=np.float32)
        rows = [row for row, text in enumerate(texts) if text.strip()]
        if not rows:
            return vectors
        ids = self.tokenizer([texts[row] for row in rows], truncation=True, max_length=self.max_length)["input_ids"]
        with torch.inference_mode():
            for batch in LengthBucketSampler([len(tokens) for tokens in ids], BATCH, shuffle=False):
                encoded = self.tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
                outputs = self.network(encoded["input_ids"], encoded["attention_mask"])
                vectors[[rows[i] for i in batch]] = outputs.numpy()
        return vectors

    def graph(self) -> Graph:
        """The graph `NAME`, which encodes the texts of added items."""
        axes, config = ("batch", "sequence"), self.network.config
        return Graph(
            NAME,
            inputs=(Tensor("input_ids", "int64", axes, pad=self.pad), Tensor("attention_mask", "int64", axes)),
            outputs=(Tensor("text_vector", "float32", ("batch", config.hidden_size)),),
            axes={"sequence": (1, self.max_length)},
            tolerance={"text_vector": TOLERANCE},
            source=self.network,
            example=partial(example_tokens, vocabulary=config.vocab_size),
        )

    def save(self, folder: Path) -> None:
        """Writes the address and the checksums of the weights. The weights may be large; all candidates share them."""
        name = str(self.source.name)
        local = Path(name).expanduser()
        source = {**asdict(self.source), "name": str(local.resolve()) if local.is_dir() else name}
        content = {"source": source, "sha256": checksums(self.folder), "max_length": self.max_length, "pad": self.pad}
        (folder / FILE).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TextEncoder:
        """Reads what `save` wrote. Raises InputError where the weights are missing, or differ from those used in training."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        source = BackboneAddress(**content["source"])
        weights = encoder_folder(source)
        if checksums(weights) != content["sha256"]:
            raise InputError(f"{source.name} has other weights than those that read the texts of items: run the recipe again")
        return cls(source, weights, content["max_length"], content["pad"])


def checksums(folder: Path) -> dict[str, str]:
    """File name -> sha256 of the configuration and the weights."""
    digests = {}
    for path in (folder / "config.json", *sorted(folder.glob("model*.safetensors"))):
        with path.open("rb") as stream:
            digests[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests
