"""Fits, saves and opens the classifier over a frozen encoder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    InputError,
    Json,
    ModelFacts,
    Section,
    Table,
    Tensors,
    TrainingFacts,
    message,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.blending import Head
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
from framework_text.preparing import prepared, without_answers
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Any, FrozenFeatures]
HEAD = "head.safetensors"  # in the fitted folder: the arrays of the layers behind the encoder
HELD_OUT = "held-out.safetensors"  # in the fitted folder: the head before it learned from the validation rows, if it did
HEAD_ARRAYS = ("weight", "bias")
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
    every = context.options.all_rows
    unknown = data.unknown_texts()
    turns = context.seed if encoder.tuned else None
    show, classes = context.show, len(data.labels)
    frozen = fit(encoder, rows[0], rows[1], classes, context.task, show, unknown, all_rows=every, turns=turns)
    if every:
        context.show(all_rows_section(len(data.splits.validation)))
    settings = {**data.settings(), "calibrated_at": frozen.facts["temperature"], **frozen.settings}
    about = {**frozen.facts, **(details or {})}
    codec = CodecSpec("classification", settings)
    save_frozen(context, encoder, frozen.module, codec, about, training, held_out=frozen.held_out)
    save_distance(frozen.distance, context.output)
    return frozen


@contextmanager
def read_by_encoder(data: LabelledTexts, context: Context) -> Iterator[tuple[FrozenEncoder, Table, Context]]:
    """The encoder, the training rows that it has the time to read, and the context with the backbone that was chosen."""
    torch.manual_seed(context.seed)
    splits = data.splits
    texts, others = (table.texts("text") for table in (splits.train, splits.validation))
    with prepared(context, texts, others, data.label_sets(), len(data.labels)) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length)
        context = replace(context, budget=without_answers(context.budget, encoder, splits.train.texts("text")))
        yield encoder, _train_rows(data, context, encoder), context


def _train_rows(data: LabelledTexts, context: Context, encoder: FrozenEncoder) -> Table:
    """The training rows, or as many at random as can be read in the time; says so where they are fewer.

    Raises InputError where the budget is too small to read a row of each class.
    """
    train, options, budget = data.splits.train, context.options, context.budget
    seconds = options.seconds_for_reading(budget)
    after = options.seconds_after_reading(budget, len(data.labels))
    fitting = encoder.texts_within(seconds, list(train.texts("text")), after)
    if options.limited_by(budget):  # which is for the validation rows, too
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
    held_out: Head | None = None,
) -> None:
    """Fills the folder that `open_frozen` opens. about: facts of the fit, of which ``rows`` is the number of training rows.
    training: how the encoder was tuned; None: it was not. held_out: the head before it learned from the validation rows; None:
    it has not.
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
    _save_arrays(module, context.output, context.task.max_length, held_out)


def save_head(frozen: FrozenFit, folder: Path, max_length: int) -> None:
    """Writes what `open_frozen` opens beside codec, tokenizer and encoder. max_length: tokens of a text, at most."""
    _save_arrays(frozen.module, folder, max_length, frozen.held_out)
    save_distance(frozen.distance, folder)


def _save_arrays(module: FrozenClassifier, folder: Path, max_length: int, held_out: Head | None) -> None:
    save_file(module.arrays(), folder / HEAD)
    if held_out is not None:
        save_file(dict(zip(HEAD_ARRAYS, held_out, strict=True)), folder / HELD_OUT)
    saved: dict[str, Json] = {"max_length": max_length, "unit": module.features.unit}
    saved |= {"temperature": module.temperature, "several": module.several}
    (folder / READING).write_text(json.dumps(saved), encoding="utf-8")


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
        held_out=_without_validation(module, folder / HELD_OUT),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def _without_validation(module: FrozenClassifier, path: Path) -> Callable[[Tensors], Tensors] | None:
    """The `Fitted.held_out` of a classifier. path: of the arrays of its head before it learned from the validation rows."""
    if not path.exists():
        return None
    before = module.with_head(**load_file(path))

    def held_out(outputs: Tensors) -> Tensors:
        with torch.inference_mode():
            probabilities = before.probabilities(torch.from_numpy(np.ascontiguousarray(outputs["features"])))
        return {**outputs, "probabilities": probabilities.numpy()}

    return held_out


def all_rows_section(count: int) -> Section:
    """Says that `count` validation rows are learned from."""
    note = message(
        "The classifier that ships learns from the {count:,} validation rows, too, with the settings that were chosen on them. "
        "Metrics on validation are those of the classifier before that; all_rows=false ships it.",
        count=count,
    )
    return Section(message("Validation rows"), note=note)
