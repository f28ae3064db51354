"""The sentence encoder that reads texts of items: at training for all of them, in the artifact for those that come later."""

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

NAME = "item_text"
FILE = "encoder.json"  # in the folder of a fitted candidate
MAX_LENGTH = 64  # tokens: titles, genres, the first sentences of a description
BATCH = 64
TOLERANCE = 1e-4


class Encoder(nn.Module):
    """input_ids, attention_mask (batch, sequence) -> the mean of the token states, (batch, dimensions), of length 1."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.config: Any = backbone.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        found: torch.Tensor = nn.functional.normalize(mean, dim=-1)
        return found


@dataclass(frozen=True)
class TextEncoder:
    """max_length: tokens of a text; longer ones are cut. pad: the token that fills up shorter texts of a batch."""

    source: BackboneAddress
    folder: Path
    max_length: int
    pad: int

    @classmethod
    def of(cls, source: BackboneAddress) -> TextEncoder:
        """Raises InputError for a backbone that was not made to turn a text into a vector."""
        folder = encoder_folder(source)
        tokenizer = backbones.load_tokenizer(folder, 1)  # which refuses those that take less
        return cls(source, folder, min(MAX_LENGTH, tokenizer.model_max_length), tokenizer.pad_token_id or 0)

    @cached_property
    def network(self) -> Encoder:
        model = backbones.load_model("AutoModel", self.folder)
        if getattr(model, "pooler", None) is not None:
            model.pooler = None
        for part in model.modules():
            if hasattr(part, "loss_type"):
                part.loss_type = "ForSequenceClassification"  # or transformers warns while TorchScript is traced
        return Encoder(model).eval()

    @cached_property
    def tokenizer(self) -> Any:
        """Of transformers."""
        return backbones.load_tokenizer(self.folder, 1)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, dimensions) float32, zeros for a text of nothing but spaces."""
        vectors = np.zeros((len(texts), self.network.config.hidden_size), dtype=np.float32)
        filled = [place for place, text in enumerate(texts) if text.strip()]
        if not filled:
            return vectors
        ids = self.tokenizer([texts[place] for place in filled], truncation=True, max_length=self.max_length)["input_ids"]
        with torch.inference_mode():
            for batch in LengthBucketSampler([len(one) for one in ids], BATCH, shuffle=False):
                encoded = self.tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt")
                outputs = self.network(encoded["input_ids"], encoded["attention_mask"])
                vectors[[filled[i] for i in batch]] = outputs.numpy()
        return vectors

    def graph(self) -> Graph:
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
        """Where the weights are, and their checksums: every candidate of a run reads the same ones, which may be large."""
        name = str(self.source.name)
        local = Path(name).expanduser()
        source = {**asdict(self.source), "name": str(local.resolve()) if local.is_dir() else name}
        content = {"source": source, "sha256": checksums(self.folder), "max_length": self.max_length, "pad": self.pad}
        (folder / FILE).write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def saved(cls, folder: Path) -> TextEncoder:
        """Raises InputError where the weights are gone, or are others than those that texts were read with."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        source = BackboneAddress(**content["source"])
        weights = encoder_folder(source)
        if checksums(weights) != content["sha256"]:
            raise InputError(f"{source.name} has other weights than those that read the texts of items: run the recipe again")
        return cls(source, weights, content["max_length"], content["pad"])


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of the files that say what the encoder makes of a text, by name."""
    digests = {}
    for path in (folder / "config.json", *sorted(folder.glob("model*.safetensors"))):
        with path.open("rb") as stream:
            digests[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests
