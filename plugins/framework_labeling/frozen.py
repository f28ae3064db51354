"""Fits a logistic regression over a frozen encoder's state of each word's first token."""

from __future__ import annotations

from pathlib import Path

import torch

from framework import FitContext, ModelFacts, message
from framework_labeling import Labeling
from framework_labeling.data import LabelingData
from framework_labeling.tagger import KIND, examples_of, save_tagger
from framework_text import backbones
from framework_text.encoder import fit_whole_head, in_order, new_network
from framework_text.options import FrozenBackbone
from framework_text.preparing import prepared

MOST = 100_000  # words that the regression is fitted to, at most


def fit(data: LabelingData, context: FitContext[Labeling, FrozenBackbone]) -> None:
    """Fits the regression and fills the folder that `open_tagger` opens."""
    torch.manual_seed(context.seed)
    with prepared(context, data.texts("train"), data.texts("validation")) as (folder, context):
        _fit(data, context, folder)


def _fit(data: LabelingData, context: FitContext[Labeling, FrozenBackbone], folder: Path) -> None:
    task, source = context.task, context.options.backbone.chosen
    tokenizer = backbones.load_tokenizer(folder, task.max_length)
    network = new_network(folder, KIND, data.tags)
    examples = examples_of(data, task, tokenizer, context.seed)
    rows = examples.train(examples.rows)
    fit_whole_head(network, len(data.tags), in_order(rows, tokenizer.pad_token_id or 0), most=MOST)
    parameters = sum(weights.numel() for weights in network.parameters())
    facts = ModelFacts(
        source.name, source.stated_licence, parameters, len(rows), details={message("max length"): task.max_length}
    )
    save_tagger(context.output, data, task, network, tokenizer, facts)
