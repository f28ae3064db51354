"""A classifier over a sentence encoder: the mean of the token states, as the encoder was trained to be read, and a linear head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from framework_text import backbones

POOLING = Path("1_Pooling") / "config.json"  # where sentence-transformers keeps how token states become one vector
HEAD = "head.safetensors"


def pools_by_mean(folder: Path) -> bool:
    """Whether the backbone is a sentence encoder that averages its token states, and does nothing else with them."""
    path = folder / POOLING
    if not path.is_file():
        return False
    config = json.loads(path.read_text(encoding="utf-8"))
    modes = [name for name, value in config.items() if name.startswith("pooling_mode") and value is True]
    return modes == ["pooling_mode_mean_tokens"]


class SentenceClassifier(nn.Module):
    """input_ids, attention_mask (batch, sequence) -> logits (batch, classes). Reimers and Gurevych 2019."""

    def __init__(self, folder: Path, **config: Any) -> None:
        super().__init__()
        self.base_model = backbones.load_model("AutoModel", folder, **config)
        if getattr(self.base_model, "pooler", None) is not None:
            self.base_model.pooler = None  # reads one token, with weights that nothing here would train
        self.config = self.base_model.config
        self.dropout = nn.Dropout(getattr(self.config, "hidden_dropout_prob", getattr(self.config, "dropout", 0.1)))
        self.classifier = nn.Linear(self.config.hidden_size, self.config.num_labels)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SequenceClassifierOutput:
        states = self.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(mean)))

    def set_attn_implementation(self, name: str) -> None:
        self.base_model.set_attn_implementation(name)

    def save_pretrained(self, folder: Path) -> None:
        """The backbone as transformers' AutoModel reads it, and the linear head beside it: ``weight`` and ``bias``."""
        self.base_model.save_pretrained(folder)
        head = {name: value.detach().contiguous() for name, value in self.classifier.state_dict().items()}
        save_file(head, folder / HEAD)
