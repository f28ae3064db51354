"""A classifier over a sentence encoder: the mean of its token states, as it was trained to be read, and a linear head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from framework_text import backbones
from framework_text.backbones import pools_by_mean as pools_by_mean


class SentenceClassifier(PreTrainedModel):
    """input_ids, attention_mask (batch, sequence) -> logits (batch, classes). Reimers and Gurevych 2019.

    A model of transformers: `saved` reads what its save_pretrained wrote, and pipelines take it.
    """

    _supports_sdpa = True  # as far as the backbone does, which checks it

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._take(AutoModel.from_config(config))
        self.dropout = nn.Dropout(getattr(config, "hidden_dropout_prob", getattr(config, "dropout", 0.1)))
        self.head = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def over(cls, folder: Path, **config: Any) -> SentenceClassifier:
        """A new head over the pretrained encoder in a folder."""
        model = cls(AutoConfig.from_pretrained(folder, **config))
        model._take(backbones.load_model("AutoModel", folder, config=model.config))
        return model

    @classmethod
    def saved(cls, folder: Path | str) -> SentenceClassifier:
        """A trained one, as a run leaves it in its folder ``torch``."""
        model: SentenceClassifier = cls.from_pretrained(folder, config=AutoConfig.from_pretrained(folder))
        return model

    def _take(self, backbone: Any) -> None:
        """Keeps the encoder under its own name, so that AutoModel finds it in what is saved."""
        if getattr(backbone, "pooler", None) is not None:
            backbone.pooler = None  # reads one token, with weights that nothing here would train
        self.base_model_prefix = backbone.base_model_prefix
        self.add_module(self.base_model_prefix, backbone)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        states = self.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return SequenceClassifierOutput(logits=self.head(self.dropout(mean)))
