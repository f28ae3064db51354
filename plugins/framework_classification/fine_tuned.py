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

from framework import CodecSpec, FitContext, Fitted, Graph, Json, Table, Tensor, read_fitted, write_fitted
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity, load_distance, save_distance
from framework_classification.module import Classifier
from framework_text import backbones
from framework_text.choosing import prepared
from framework_text.encoder import (
    TOLERANCE,
    Examples,
    FamiliarClassifier,
    SentenceClassifier,
    TokenizedRows,
    encoder_graph,
    fine_tune,
    head_inputs,
    in_order,
    new_network,
    open_network,
    pools_by_mean,
    predict,
    save_network,
    shape,
)
from framework_text.familiarity import Distance
from framework_text.features import FrozenClassifier
from framework_text.options import FineTuning
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Classification, FineTuning]
FEATURES = "classifier.features"
FAMILIARITY_TOLERANCE = 0.01  # whitening magnifies the rounding of features, most where each class has become nearly a point
FAMILIAR, FAMILIAR_A_CLASS = 2000, 40  # training rows whose features familiarity is fitted to: in all, and for each class
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
    tokenizer = backbones.load_tokenizer(folder, task.max_length)
    network = new_network(folder, SentenceClassifier if pools_by_mean(folder) else KIND, data.labels)
    changed = shape(network, options)
    classifier = Classifier(network, len(data.labels), options, data.class_weights() if task.class_weights else None)
    examples = _examples(data, context, tokenizer)
    learned = fine_tune(classifier, tokenizer, examples, context, started, details=changed)
    pad = tokenizer.pad_token_id or 0
    logits, targets = predict(classifier, examples.validation, pad)
    temperature, abstains = calibrated(task, logits, targets, context.show)
    distance: Distance | None = None
    familiar: dict[str, Json] = {}
    if task.refuse_known is not None:
        evidence = _evidence(data, context, classifier, examples, tokenizer, (logits, targets))
        distance, familiar = fit_familiarity(task, evidence, context.show)
    settings = {**data.settings(), "calibrated_at": temperature, **abstains, **familiar}
    resources = write_fitted(context.output, CodecSpec("classification", settings), learned.facts)
    write_tokenizer(tokenizer, task.max_length, resources)
    save_network(network, tokenizer, context.output / MODEL)
    save_distance(distance, context.output)
    saved = SavedClassifier(isinstance(network, SentenceClassifier), temperature, task.max_length, pad)
    (context.output / READING).write_text(json.dumps(asdict(saved)), encoding="utf-8")


def open_fitted(folder: Path) -> Fitted:
    """The classifier that `fit` saved, with a graph that computes probabilities."""
    fitted = read_fitted(folder)
    saved = SavedClassifier(**json.loads((folder / READING).read_text(encoding="utf-8")))
    kind = SentenceClassifier if saved.sentence else KIND
    network, tokenizer = open_network(folder / MODEL, kind, saved.max_length)
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    module = FamiliarClassifier(network, saved.temperature, load_distance(folder)).eval()
    return replace(
        fitted,
        features=FEATURES,
        graphs=(graph(module, network.config, saved.max_length, saved.pad),),
        checks=(same_tokens(tokenizer, saved.max_length, codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def graph(module: FamiliarClassifier | FrozenClassifier, config: Any, max_length: int, pad: int) -> Graph:
    """The graph "classifier": token ids -> probabilities (batch, classes), features (batch, width), and familiarity (batch,) if
    the module computes it. pad: token id of the padding.
    """
    output = Tensor("probabilities", "float32", ("batch", module.head.out_features))
    beside = {Tensor("features", "float32", ("batch", module.head.in_features)): TOLERANCE}
    if module.familiarity is not None:
        beside[Tensor("familiarity", "float32", ("batch",))] = FAMILIARITY_TOLERANCE
    return encoder_graph("classifier", module, output, config, max_length, pad, beside)


def _evidence(
    data: ClassificationData,
    context: Context,
    classifier: Classifier,
    examples: Examples,
    tokenizer: Any,
    predicted: tuple[np.ndarray, np.ndarray],
) -> Evidence:
    """The features that familiarity is fitted to, of at most `FAMILIAR` training rows or `FAMILIAR_A_CLASS` of each class.

    predicted: logits and targets of the validation rows.
    """
    pad, classes, network = tokenizer.pad_token_id or 0, len(data.labels), classifier.model
    train = examples.train(min(examples.rows, max(FAMILIAR, FAMILIAR_A_CLASS * classes)))
    unknown = data.unknown_texts()
    others = TokenizedRows(tokenizer, unknown, [0] * len(unknown), context.task.max_length)
    parts = [head_inputs(network, classes, in_order(rows, pad)) for rows in (train, examples.validation, others)]
    (features, targets), (known, _), (unknown_features, _) = parts
    unknown_logits = predict(classifier, others, pad)[0] if unknown else np.zeros((0, classes), np.float32)
    return Evidence(features, targets, known, predicted[1], predicted[0], unknown_features, unknown_logits)


def _examples(data: ClassificationData, context: Context, tokenizer: Any) -> Examples:
    """Tokenized training and validation rows."""

    def rows(table: Table) -> TokenizedRows:
        return TokenizedRows(tokenizer, table.texts("text"), data.targets(table), context.task.max_length)

    return Examples(
        classes=len(data.labels),
        rows=len(data.splits.train),
        train=lambda most: rows(data.sample(most, context.seed)),
        validation=rows(data.splits.validation),
        max_length=context.task.max_length,
    )
