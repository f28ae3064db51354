"""Fits a fine-tuned encoder that tags each word."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from framework import FitContext
from framework_labeling import Labeling
from framework_labeling.data import LabelingData
from framework_labeling.module import Tagger
from framework_labeling.tagger import KIND, MODEL, examples_of, save_tagger
from framework_text import backbones
from framework_text.encoder import Probing, fine_tune, new_network, open_network, shape
from framework_text.options import FineTuning
from framework_text.preparing import prepared

PROBING = Probing(enough=0.05, most=20_000, partial=True)  # most words are outside, which a head learns without useful features


def fit(data: LabelingData, context: FitContext[Labeling, FineTuning]) -> None:
    """Fine-tunes the backbone and fills the folder that `open_tagger` opens."""
    started = time.perf_counter()
    torch.manual_seed(context.seed)
    with prepared(context, data.texts("train"), data.texts("validation")) as (folder, context):
        _fit(data, context, folder, started)


def _fit(data: LabelingData, context: FitContext[Labeling, FineTuning], folder: Path, started: float) -> None:
    task, options = context.task, context.options
    if context.begin is not None:
        network, tokenizer = open_network(context.begin / MODEL, KIND, task.max_length)
    else:
        network, tokenizer = new_network(folder, KIND, data.tags), backbones.load_tokenizer(folder, task.max_length)
    changed = shape(network, options, begun=context.begin is not None)
    tagger = Tagger(network, data.tags, options, plain=data.plain)
    examples = examples_of(data, task, tokenizer, context.seed, options.word_dropout)
    learned = fine_tune(tagger, tokenizer, examples, context, started, probing=PROBING, details=changed)
    save_tagger(context.output, data, task, network, tokenizer, learned.facts)
