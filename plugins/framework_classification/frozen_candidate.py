"""Fits, saves and opens the classifier over a frozen encoder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import torch
from safetensors.numpy import load_file, save_file

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    InputError,
    ModelFacts,
    Section,
    Table,
    TrainingFacts,
    message,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.familiarity.fitting import load_distance, save_distance
from framework_classification.fine_tuned import FEATURES, MODEL
from framework_classification.frozen import FrozenFit, fit, graph
from framework_classification.label_check.section import label_section
from framework_text.choosing import prepared
from framework_text.encoder import save_network
from framework_text.features import FrozenClassifier, FrozenEncoder
from framework_text.options import FrozenFeatures
from framework_text.tokenizer import same_tokens, write_tokenizer

HEAD = "head.safetensors"  # in the fitted folder: the arrays of the layers behind the encoder
READING = "reading.json"  # in the fitted folder: the encoder's maximum length and kind of features, and the temperature
ENCODING = 0.6  # share of the time of a fit for encoding; the regressions take some, too


def fit_frozen(data: ClassificationData, context: FitContext[Classification, FrozenFeatures]) -> None:
    """Fits the classifier and fills the folder that `open_frozen` opens."""
    torch.manual_seed(context.seed)
    splits = data.splits
    with prepared(context, splits.train.texts("text"), splits.validation.texts("text")) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length)
        train = _train_rows(data, context, encoder)
        rows = [(list(table.texts("text")), data.targets(table)) for table in (train, splits.validation)]
        frozen = fit(encoder, rows[0], rows[1], len(data.labels), context.task, context.show, data.unknown_texts())
        save_frozen(data, context, encoder, frozen)
    context.show(label_section(data, train, frozen.features, context))


def _train_rows(data: ClassificationData, context: FitContext[Classification, FrozenFeatures], encoder: FrozenEncoder) -> Table:
    """The training rows, or as many at random as can be read in the time; says so where they are fewer.

    Raises InputError where the budget is too small to read a row of each class.
    """
    train, minutes = data.splits.train, context.options.encode_minutes
    budget, allowed = ENCODING * context.budget.remaining(), inf if minutes is None else 60 * minutes
    seconds = min(budget, allowed)
    fitting = encoder.texts_within(seconds, list(train.texts("text")))
    if budget < allowed:  # which validation rows are read in, too
        fitting -= len(data.splits.validation)
        if fitting < len(data.labels):
            raise InputError(f"{seconds:.0f} s of the budget are too few to read a text of each class; write a longer budget=")
    if fitting < len(train):
        context.show(Section(message("Frozen features"), note=_sampled(int(fitting), len(train), seconds)))
    return data.sample(int(min(fitting, len(train))), context.seed)


def _sampled(count: int, rows: int, seconds: float) -> str:
    return message(
        "{count:,} of {rows:,} training texts are read, as many as {seconds:.0f} s allow on this machine; "
        "candidates.frozen.encode_minutes=null reads all",
        count=count,
        rows=rows,
        seconds=seconds,
    )


def save_frozen(
    data: ClassificationData,
    context: FitContext[Classification, Any],
    encoder: FrozenEncoder,
    fitted: FrozenFit,
    training: TrainingFacts | None = None,
) -> None:
    """Fills the folder that `open_frozen` opens. training: how the encoder was tuned; None: it was not."""
    source = context.options.backbone.chosen
    facts = ModelFacts(
        backbone=source.name,
        licence=source.stated_licence,
        parameters=sum(weights.numel() for weights in fitted.module.parameters()),
        rows=fitted.facts["rows"],
        training=training,
        details=fitted.facts,
    )
    settings = {**data.settings(), "calibrated_at": fitted.facts["temperature"], **fitted.settings}
    resources = write_fitted(context.output, CodecSpec("classification", settings), facts)
    write_tokenizer(encoder.tokenizer, context.task.max_length, resources)
    save_network(fitted.module.features.encoder, encoder.tokenizer, context.output / MODEL)
    save_file(fitted.module.arrays(), context.output / HEAD)
    save_distance(fitted.distance, context.output)
    temperature = fitted.facts["temperature"]
    saved = {"max_length": context.task.max_length, "temperature": temperature, "unit": encoder.unit}
    (context.output / READING).write_text(json.dumps(saved), encoding="utf-8")


def open_frozen(folder: Path) -> Fitted:
    """The classifier that `fit_frozen` saved."""
    fitted = read_fitted(folder)
    saved = json.loads((folder / READING).read_text(encoding="utf-8"))
    encoder = FrozenEncoder(folder / MODEL, saved["max_length"], unit=saved["unit"])
    arrays, distance = load_file(folder / HEAD), load_distance(folder)
    module = FrozenClassifier(encoder.module, **arrays, temperature=saved["temperature"], distance=distance).eval()
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        graphs=(graph(module, encoder),),
        features=FEATURES,
        checks=(same_tokens(encoder.tokenizer, saved["max_length"], codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )
