"""Fits and opens a fine-tuned encoder with a fitted temperature."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import CodecSpec, FitContext, Fitted, Graph, Table, Tensor, read_fitted, write_fitted
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.module import Classifier
from framework_text import backbones
from framework_text.augmentation import varied_text
from framework_text.choosing import prepared
from framework_text.encoder import (
    Examples,
    Probabilities,
    SentenceClassifier,
    TokenizedRows,
    encoder_graph,
    fine_tune,
    new_network,
    open_network,
    pools_by_mean,
    predict,
    save_network,
    shape,
)
from framework_text.options import FineTuning
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Classification, FineTuning]
KIND = "AutoModelForSequenceClassification"
MODEL = "model"  # in the fitted folder: the network and its tokenizer, as transformers saves them
READING = "reading.json"  # in the fitted folder: a `SavedClassifier`


@dataclass(frozen=True)
class SavedClassifier:
    """How the saved network is loaded and becomes a graph."""

    sentence: bool
    """The network is a `SentenceClassifier`, not one of transformers' own."""
    temperature: float
    """Divides the logits."""
    max_length: int
    """Tokens of a text, special ones included."""
    pad: int
    """Token id of the padding."""


def fit(data: ClassificationData, context: Context) -> None:
    """Fine-tunes the backbone, fits the temperature on validation, and fills the folder that `open_fitted` opens."""
    started = time.perf_counter()
    torch.manual_seed(context.seed)
    texts = [table.texts("text") for table in (data.splits.train, data.splits.validation)]
    with prepared(context, *texts) as (folder, context):
        _fit(data, context, folder, started)


def _fit(data: ClassificationData, context: Context, folder: Path, started: float) -> None:
    task, options = context.task, context.options
    network, tokenizer = _network(data, context, folder)
    changed = shape(network, options, begun=context.begin is not None)
    classifier = Classifier(network, len(data.labels), options, data.class_weights() if task.class_weights else None)
    examples = _examples(data, context, tokenizer)
    learned = fine_tune(classifier, tokenizer, examples, context, started, details=changed)
    pad = tokenizer.pad_token_id or 0
    temperature, abstains = calibrated(task, *predict(classifier, examples.validation, pad), context.show)
    settings = {"labels": data.labels, "calibrated_at": temperature, **abstains}
    resources = write_fitted(context.output, CodecSpec("classification", settings), learned.facts)
    write_tokenizer(tokenizer, task.max_length, resources)
    save_network(network, tokenizer, context.output / MODEL)
    saved = SavedClassifier(isinstance(network, SentenceClassifier), temperature, task.max_length, pad)
    (context.output / READING).write_text(json.dumps(asdict(saved)), encoding="utf-8")


def _network(data: ClassificationData, context: Context, folder: Path) -> tuple[Any, Any]:
    """The network and its tokenizer: of the backbone in a folder with a new head, or of the fit that is continued."""
    kind = SentenceClassifier if pools_by_mean(folder) else KIND
    if context.begin is not None:
        return open_network(context.begin / MODEL, kind, context.task.max_length)
    return new_network(folder, kind, data.labels), backbones.load_tokenizer(folder, context.task.max_length)


def open_fitted(folder: Path) -> Fitted:
    """The classifier that `fit` saved, with a graph that computes probabilities."""
    fitted = read_fitted(folder)
    saved = SavedClassifier(**json.loads((folder / READING).read_text(encoding="utf-8")))
    kind = SentenceClassifier if saved.sentence else KIND
    network, tokenizer = open_network(folder / MODEL, kind, saved.max_length)
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    module = Probabilities(network, saved.temperature).eval()
    return replace(
        fitted,
        graphs=(graph(module, network.config, saved.max_length, saved.pad),),
        checks=(same_tokens(tokenizer, saved.max_length, codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def graph(module: Probabilities, config: Any, max_length: int, pad: int) -> Graph:
    """The graph "classifier": token ids -> probabilities (batch, classes). pad: token id of the padding."""
    output = Tensor("probabilities", "float32", ("batch", config.num_labels))
    return encoder_graph("classifier", module, output, config, max_length, pad)


def _examples(data: ClassificationData, context: Context, tokenizer: Any) -> Examples:
    """Tokenized training and validation rows."""

    def rows(table: Table) -> TokenizedRows:
        return TokenizedRows(tokenizer, table.texts("text"), data.targets(table), context.task.max_length)

    def varied(most: int, seed: int) -> TokenizedRows:
        table, random = data.sample(most, context.seed), np.random.default_rng(seed)
        texts = [varied_text(text, context.options, random) for text in table.texts("text")]
        return TokenizedRows(tokenizer, texts, data.targets(table), context.task.max_length)

    return Examples(
        classes=len(data.labels),
        rows=len(data.splits.train),
        train=lambda most: rows(data.sample(most, context.seed)),
        validation=rows(data.splits.validation),
        max_length=context.task.max_length,
        varied=varied,
    )
