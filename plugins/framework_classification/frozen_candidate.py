"""Fits, saves and opens the classifier over a frozen encoder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from safetensors.numpy import load_file, save_file

from framework import CodecSpec, FitContext, Fitted, ModelFacts, read_fitted, write_fitted
from framework_classification import Classification
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.fine_tuned import MODEL
from framework_classification.frozen import Frozen as FrozenFit
from framework_classification.frozen import fit, graph
from framework_text.choosing import prepared
from framework_text.encoder import save_network
from framework_text.features import FrozenClassifier, FrozenEncoder
from framework_text.options import Frozen
from framework_text.tokenizer import same_tokens, write_tokenizer

HEAD = "head.safetensors"  # in the fitted folder: the arrays of the layers behind the encoder
READING = "reading.json"  # in the fitted folder: the encoder's maximum length, and the temperature


def fit_frozen(data: ClassificationData, context: FitContext[Classification, Frozen]) -> None:
    """Fits the classifier and fills the folder that `open_frozen` opens."""
    torch.manual_seed(context.seed)
    splits = data.splits
    with prepared(context, splits.train.texts("text"), splits.validation.texts("text")) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length)
        rows = [(list(table.texts("text")), data.targets(table)) for table in (splits.train, splits.validation)]
        frozen = fit(encoder, rows[0], rows[1], len(data.labels), context.task, context.show)
        _save(data, context, encoder, frozen)


def _save(
    data: ClassificationData, context: FitContext[Classification, Frozen], encoder: FrozenEncoder, fitted: FrozenFit
) -> None:
    """Fills the folder that `open_frozen` opens."""
    source = context.options.backbone.chosen
    facts = ModelFacts(
        backbone=source.name,
        licence=source.stated_licence,
        parameters=sum(weights.numel() for weights in fitted.module.parameters()),
        rows=len(data.splits.train),
        details=fitted.facts,
    )
    settings = {"labels": data.labels, "calibrated_at": fitted.facts["temperature"], **fitted.settings}
    resources = write_fitted(context.output, CodecSpec("classification", settings), facts)
    write_tokenizer(encoder.tokenizer, context.task.max_length, resources)
    save_network(fitted.module.features.encoder, encoder.tokenizer, context.output / MODEL)
    save_file(fitted.module.arrays(), context.output / HEAD)
    saved = {"max_length": context.task.max_length, "temperature": fitted.facts["temperature"]}
    (context.output / READING).write_text(json.dumps(saved), encoding="utf-8")


def open_frozen(folder: Path) -> Fitted:
    """The classifier that `fit_frozen` saved."""
    fitted = read_fitted(folder)
    saved = json.loads((folder / READING).read_text(encoding="utf-8"))
    encoder = FrozenEncoder(folder / MODEL, saved["max_length"])
    module = FrozenClassifier(encoder.module, **load_file(folder / HEAD), temperature=saved["temperature"]).eval()
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        graphs=(graph(module, encoder),),
        checks=(same_tokens(encoder.tokenizer, saved["max_length"], codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )
