"""Fits, saves and opens the classifier over a frozen encoder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from framework_classification.candidates import FrozenCandidate
from framework_classification.codec import ClassificationCodec, FromTokens
from framework_classification.data import ClassificationData, LabelledTexts
from framework_classification.familiarity.fitting import load_distance, save_distance
from framework_classification.fine_tuned import FEATURES, MODEL
from framework_classification.frozen import FrozenFit, fit, graph
from framework_classification.label_check.section import label_section
from framework_classification.learning_curve import show_learning_curve
from framework_text.encoder import save_network
from framework_text.features import FrozenClassifier, FrozenEncoder
from framework_text.options import FrozenFeatures
from framework_text.preparing import prepared
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Any, FrozenFeatures]
HEAD = "head.safetensors"  # in the fitted folder: the arrays of the layers behind the encoder
READING = "reading.json"  # in the fitted folder: the encoder's maximum length and kind of features, and the temperature


def fit_frozen(data: ClassificationData, context: FitContext[Classification, FrozenFeatures]) -> None:
    """Fits the classifier and fills the folder that `open_frozen` opens."""
    with read_by_encoder(data, context) as (encoder, train, context):
        frozen = fit_over(encoder, data, train, context)
    context.show(label_section(data, train, frozen.features, context))
    show_learning_curve(data, train, frozen.features, context, FrozenCandidate.title)


def fit_over(
    encoder: FrozenEncoder,
    data: ClassificationData,
    train: Table,
    context: FitContext[Classification, Any],
    training: TrainingFacts | None = None,
    details: Mapping[str, Any] | None = None,
) -> FrozenFit:
    """Fits the classifier over an encoder and fills the folder that `open_frozen` opens.

    training, details: how the encoder was tuned, and further facts; None: it was not.
    """
    rows = [(list(table.texts("text")), data.targets(table)) for table in (train, data.splits.validation)]
    frozen = fit(encoder, rows[0], rows[1], len(data.labels), context.task, context.show, data.unknown_texts())
    settings = {**data.settings(), "calibrated_at": frozen.facts["temperature"], **frozen.settings}
    about = {**frozen.facts, **(details or {})}
    save_frozen(context, encoder, frozen.module, CodecSpec("classification", settings), about, training)
    save_distance(frozen.distance, context.output)
    return frozen


@contextmanager
def read_by_encoder(data: LabelledTexts, context: Context) -> Iterator[tuple[FrozenEncoder, Table, Context]]:
    """The encoder, the training rows that it has the time to read, and the context with the backbone that was chosen."""
    torch.manual_seed(context.seed)
    splits = data.splits
    with prepared(context, splits.train.texts("text"), splits.validation.texts("text"), data.label_sets()) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length)
        yield encoder, _train_rows(data, context, encoder), context


def _train_rows(data: LabelledTexts, context: Context, encoder: FrozenEncoder) -> Table:
    """The training rows, or as many at random as can be read in the time; says so where they are fewer.

    Raises InputError where the budget is too small to read a row of each class.
    """
    train, minutes = data.splits.train, context.options.encode_minutes
    seconds = context.options.seconds_for_reading(context.budget)
    fitting = encoder.texts_within(seconds, list(train.texts("text")))
    if seconds < (inf if minutes is None else 60 * minutes):  # the budget's limit, for validation rows, too
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
    context: FitContext[Any, Any],
    encoder: FrozenEncoder,
    module: FrozenClassifier,
    codec: CodecSpec,
    about: Mapping[str, Any],
    training: TrainingFacts | None = None,
) -> None:
    """Fills the folder that `open_frozen` opens. about: facts of the fit, of which ``rows`` is the number of training rows.
    training: how the encoder was tuned; None: it was not.
    """
    source = context.options.backbone.chosen
    facts = ModelFacts(
        backbone=source.name,
        licence=source.stated_licence,
        parameters=sum(weights.numel() for weights in module.parameters()),
        rows=about["rows"],
        training=training,
        details=about,
    )
    resources = write_fitted(context.output, codec, facts)
    write_tokenizer(encoder.tokenizer, context.task.max_length, resources)
    save_network(module.features.encoder, encoder.tokenizer, context.output / MODEL)
    save_file(module.arrays(), context.output / HEAD)
    saved = {"max_length": context.task.max_length, "unit": encoder.unit}
    saved |= {"temperature": module.temperature, "several": module.several}
    (context.output / READING).write_text(json.dumps(saved), encoding="utf-8")


def open_frozen(folder: Path, codec_class: type[FromTokens] = ClassificationCodec) -> Fitted:
    """The classifier that `save_frozen` saved. codec_class: of the settings that were saved."""
    fitted = read_fitted(folder)
    saved = json.loads((folder / READING).read_text(encoding="utf-8"))
    encoder = FrozenEncoder(folder / MODEL, saved["max_length"], unit=saved["unit"])
    arrays, distance = load_file(folder / HEAD), load_distance(folder)
    module = FrozenClassifier(
        encoder.module, **arrays, temperature=saved["temperature"], distance=distance, several=saved["several"]
    )
    codec = codec_class(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        graphs=(graph(module.eval(), encoder, fitted.codec.settings.get("thresholds")),),
        features=FEATURES,
        checks=(same_tokens(encoder.tokenizer, saved["max_length"], codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )
