"""Fits and opens a fine-tuned classifier. Its head is the one that it was trained with, or the mean of that and of a logistic
regression that is fitted to its features afterwards: validation decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import CodecSpec, FitContext, Fitted, Json, ModelFacts, Section, Table, message, read_fitted, write_fitted
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity, load_distance, save_distance
from framework_classification.fine_tuned import MODEL, Tuned, open_tuned, tuned
from framework_classification.frozen import FrozenFit
from framework_classification.frozen import fit as fit_over
from framework_classification.frozen_candidate import HEAD, all_rows_section, open_frozen, save_head
from framework_classification.module import Classifier
from framework_classification.regression import calibrated_loss
from framework_text.encoder import (
    EncoderModule,
    FamiliarClassifier,
    SentenceClassifier,
    TokenizedRows,
    head_inputs,
    in_order,
    predict,
)
from framework_text.familiarity import Distance
from framework_text.features import FrozenEncoder
from framework_text.options import FineTuning
from framework_text.tokenizer import write_tokenizer
from framework_text.training_plan import trial_of

FAMILIAR, FAMILIAR_A_CLASS = 2000, 40  # training rows for familiarity alone: in all, or for each class if that is more
FEWEST = 500  # the same, at least, where a budget is short
AFTERWARDS = 0.07  # share of the time of a fit that is kept for reading rows once more after training
AGAIN = 0.5  # share of what is left then for reading them; the rest is for familiarity and the regressions
LEAST = 10  # training rows a class, on average, that a head is fitted to after training
ROWS_READ = "rows-read.json"  # in the folder of the trial, for trainings that repeat it: how many training rows were read again
LONGEST = 0.2  # of the time that training took: what reading them may take without a budget

Context = FitContext[Classification, Any]  # the options are `ClassifierTuning`


def fit(data: ClassificationData, context: Context) -> None:
    """Fine-tunes the backbone, fits the temperature on validation, and fills the folder that `open_fitted` opens."""
    weights = data.class_weights() if context.task.class_weights else None

    def module(network: Any, options: FineTuning) -> EncoderModule:
        return Classifier(network, len(data.labels), options, weights)

    started, budget = time.monotonic(), context.budget
    if budget.seconds is not None:
        context = replace(context, budget=budget.without(AFTERWARDS * budget.remaining()))
    trained_classes = np.unique(data.targets(data.splits.train))  # validation rows of others have no finite loss

    def loss(logits: np.ndarray, targets: np.ndarray) -> float:
        count = np.isin(targets, trained_classes)
        return calibrated_loss(logits[count], targets[count])

    with tuned(data, context, module, data.targets, loss if weights is None else None) as trained:
        context = replace(context, budget=budget)
        trained.save_network(context)
        shown: list[Section] = []
        texts = _texts_again(trained, data, context, time.monotonic() - started)
        again = _fitted_again(texts, trained, data, context, shown.append) if texts is not None and texts.regression else None
        if again is not None and again.loss < loss(trained.logits, trained.targets):
            if context.options.all_rows:
                shown.append(all_rows_section(len(data.splits.validation)))
            for section in shown:
                context.show(section)
            _save_again(again, trained, data, context)
            return
        temperature, abstains = calibrated(context.task, trained.logits, trained.targets, context.show)
        distance, familiar = _familiarity(data, trained, texts, context)
        settings = {**data.settings(), "calibrated_at": temperature, **abstains, **familiar}
        trained.save(context, CodecSpec("classification", settings))
        save_distance(distance, context.output)


def open_fitted(folder: Path) -> Fitted:
    """The classifier that `fit` saved, with a graph that computes probabilities."""
    if (folder / HEAD).exists():
        return open_frozen(folder)
    temperature = read_fitted(folder).codec.settings["calibrated_at"]

    def module(network: Any) -> FamiliarClassifier:
        return FamiliarClassifier(network, temperature, load_distance(folder))

    return open_tuned(folder, ClassificationCodec, module)


@dataclass(frozen=True)
class _Texts:
    """Texts that the trained encoder reads once more. Training rows are as many as the time allows: the encoder knows them by
    heart, and what is new is in the validation rows.
    """

    encoder: FrozenEncoder
    train: Table
    validation: Table
    unknown: Sequence[str]
    regression: bool
    """Whether the time lasts for a regression over them, too; never with class weights, which it has not."""


def _texts_again(trained: Tuned, data: ClassificationData, context: Context, spent: float) -> _Texts | None:
    """What the time allows to read, and no less than familiarity needs; None where nothing is to be read, or where the encoder
    has a pooling of its own.

    spent: seconds that the fit took so far.
    """
    weights, familiarity = context.task.class_weights, context.task.refuse_known is not None
    if not isinstance(trained.learner.model, SentenceClassifier) or (weights and not familiarity):
        return None
    encoder = FrozenEncoder(context.output / MODEL, context.task.max_length, tuned=True)
    splits, classes = data.splits, len(data.labels)
    count = _rows_in_time(encoder, data, context, spent)
    (context.folder / ROWS_READ).write_text(json.dumps(count), encoding="utf-8")
    enough = count >= min(len(splits.train), LEAST * classes) and not weights
    if familiarity:
        alone = max(FAMILIAR, FAMILIAR_A_CLASS * classes)
        least = alone if context.budget.seconds is None else max(FEWEST, LEAST * classes)
        count = max(count, least) if enough else min(max(count, least), alone)
    elif not enough:
        return None
    return _Texts(encoder, data.sample(count, context.seed), splits.validation, data.unknown_texts(), enough)


def _fitted_again(
    texts: _Texts, trained: Tuned, data: ClassificationData, context: Context, show: Callable[[Section], None]
) -> FrozenFit:
    """The mean of the head that was trained and of a logistic regression over the features of the trained encoder: the last
    layer's and the average of all. The two err on different texts, and the regression learns from the validation rows, too.
    """
    head = tuple(values.detach().numpy() for values in (trained.learner.model.head.weight, trained.learner.model.head.bias))
    classes, every, seed = len(data.labels), context.options.all_rows, context.seed
    train, validation = ((list(one.texts("text")), data.targets(one)) for one in (texts.train, texts.validation))
    rows, task, unknown = (train, validation), context.task, texts.unknown
    return fit_over(texts.encoder, *rows, classes, task, show, unknown, all_rows=every, turns=seed, beside=head)


def _rows_in_time(encoder: FrozenEncoder, data: ClassificationData, context: Context, spent: float) -> int:
    """How many training rows the time allows to read once more; for a repeated training as many as in the first."""
    if context.options.repeat:
        path = trial_of(Path(context.options.repeat)) / ROWS_READ
        return int(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else 0
    remaining, splits = context.budget.remaining(), data.splits
    seconds = LONGEST * spent if remaining == inf else AGAIN * remaining
    count = encoder.texts_within(seconds, splits.train.texts("text")) - len(splits.validation)
    return int(max(0, min(count, len(splits.train))))


def _save_again(again: FrozenFit, trained: Tuned, data: ClassificationData, context: Context) -> None:
    head = message("the mean of the trained one and of a logistic regression, fitted to the features after training")
    details: Mapping[str, Any] = {**trained.facts.details, message("head"): head, "C": again.facts["C"]}
    facts: ModelFacts = replace(trained.facts, details=details)
    settings: dict[str, Json] = {**data.settings(), "calibrated_at": again.facts["temperature"], **again.settings}
    resources = write_fitted(context.output, CodecSpec("classification", settings), facts)
    write_tokenizer(trained.tokenizer, trained.saved.max_length, resources)
    save_head(again, context.output, trained.saved.max_length)


def _familiarity(
    data: ClassificationData, trained: Tuned, texts: _Texts | None, context: Context
) -> tuple[Distance | None, dict[str, Json]]:
    """As `fit_familiarity`; reads no rows where no familiarity is asked for."""
    if context.task.refuse_known is None:
        return None, {}
    evidence = _evidence(data, trained) if texts is None else _evidence_of(texts, data, trained)
    return fit_familiarity(context.task, evidence, context.show)


def _evidence_of(texts: _Texts, data: ClassificationData, trained: Tuned) -> Evidence:
    """The features that familiarity is fitted to, of these texts; they are read once, for the regression, too."""
    head = trained.learner.model.head

    def last_layer(read: Sequence[str]) -> np.ndarray:
        return texts.encoder.features(list(read))[:, : head.in_features]

    def logits(features: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(head(torch.from_numpy(features)))

    train, known, unknown = (
        last_layer(read) for read in (texts.train.texts("text"), texts.validation.texts("text"), texts.unknown)
    )
    targets, known_targets = (np.asarray(data.targets(table)) for table in (texts.train, texts.validation))
    return Evidence(train, targets, known, known_targets, logits(known), unknown, logits(unknown))


def _evidence(data: ClassificationData, trained: Tuned) -> Evidence:
    """The features that familiarity is fitted to, of at most `FAMILIAR` training rows or `FAMILIAR_A_CLASS` of each class."""
    pad, classes, network = trained.saved.pad, len(data.labels), trained.learner.model
    train = trained.examples.train(min(trained.examples.rows, max(FAMILIAR, FAMILIAR_A_CLASS * classes)))
    unknown = data.unknown_texts()
    others = TokenizedRows(trained.tokenizer, unknown, [0] * len(unknown), trained.saved.max_length)
    parts = [head_inputs(network, classes, in_order(rows, pad)) for rows in (train, trained.examples.validation, others)]
    (features, targets), (known, _), (unknown_features, _) = parts
    unknown_logits = predict(trained.learner, others, pad)[0] if unknown else np.zeros((0, classes), np.float32)
    return Evidence(features, targets, known, trained.targets, trained.logits, unknown_features, unknown_logits)
