"""A classifier over a sentence encoder: mean pooling, as the encoder was trained with, and a linear head."""

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
    """input_ids, attention_mask (batch, sequence) -> logits (batch, classes). Reimers and Gurevych 2019, Sentence-BERT.

    A model of transformers: `saved` opens a folder that save_pretrained wrote, and pipelines accept the model.
    """

    _supports_sdpa = True  # the backbone checks itself whether it supports sdpa

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.loss_type = "ForSequenceClassification"  # as `as_encoder`
        self._set_encoder(AutoModel.from_config(config))
        self.dropout = nn.Dropout(getattr(config, "hidden_dropout_prob", getattr(config, "dropout", 0.1)))
        self.head = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def over(cls, folder: Path, **config: Any) -> SentenceClassifier:
        """A new head over the pretrained encoder in a folder."""
        model = cls(AutoConfig.from_pretrained(folder, **config))
        model._set_encoder(backbones.load_model("AutoModel", folder, config=model.config))
        return model

    @classmethod
    def saved(cls, folder: Path | str) -> SentenceClassifier:
        """A trained classifier, from the folder ``torch`` of a run."""
        model: SentenceClassifier = cls.from_pretrained(folder, config=AutoConfig.from_pretrained(folder))
        return model

    def _set_encoder(self, backbone: Any) -> None:
        """Stores the encoder under its `base_model_prefix`, so that AutoModel finds the encoder's weights in a saved
        classifier.
        """
        self.base_model_prefix = backbone.base_model_prefix
        self.add_module(self.base_model_prefix, backbones.as_encoder(backbone))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> SequenceClassifierOutput:
        states = self.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return SequenceClassifierOutput(logits=self.head(self.dropout(mean)))
