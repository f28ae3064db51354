"""Distils static token vectors, fits a classifier over them, compares its graph with scikit-learn, saves and opens it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    FrameworkError,
    ModelFacts,
    Section,
    Table,
    message,
    messages,
    read_fitted,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec, tempered
from framework_classification.data import ClassificationData
from framework_classification.static import Counts, Rows, Static, StaticFit, by_frequency, fit, token_counts
from framework_classification.static_graph import TOLERANCE, graph, onnx_model
from framework_text import backbones
from framework_text.choosing import prepared
from framework_text.features import FrozenEncoder
from framework_text.options import StaticVectors
from framework_text.token_features import TokenFeatures
from framework_text.tokenizer import same_tokens, write_tokenizer
from framework_text.tokens import TokenCollator, TokenizedRows

ROWS = 50_000  # training rows used at most
ENCODING = 0.6  # share of the time of a fit for reading tokens; the regressions take some, too
BATCH = 64  # texts that the graph answers at once when it is compared
FILE = "static.onnx"  # in the fitted folder
TOKENIZER = "tokenizer"  # in the fitted folder: transformers' tokenizer, which the codec's is compared with
READING = "reading.json"  # in the fitted folder: arguments of `graph`

Context = FitContext[Classification, StaticVectors]


def fit_static(data: ClassificationData, context: Context) -> None:
    """Fits the classifier and fills the folder that `open_static` opens.

    Raises FrameworkError where its graph computes other probabilities than scikit-learn.
    """
    splits = data.splits
    with prepared(context, splits.train.texts("text"), splits.validation.texts("text")) as (folder, context):
        encoder = FrozenEncoder(folder, context.task.max_length)
        train, validation = (_tokenized(encoder, table, data) for table in (data.sample(ROWS, context.seed), splits.validation))
        held_out = _counted(encoder, validation)
        static = _fitted(encoder, _counted(encoder, train), held_out, len(data.labels), context)
        temperature, abstains = calibrated(context.task, static.classifier.logits(held_out[0]), held_out[1], context.show)
        model: bytes = onnx_model(static.classifier, temperature).SerializeToString()
        _compare_with_scikit_learn(model, static, temperature, validation)
        settings = {"labels": data.labels, "calibrated_at": temperature, **abstains}
        facts = _facts(static, temperature, len(train), context)
        resources = write_fitted(context.output, CodecSpec("classification", settings), facts)
        write_tokenizer(encoder.tokenizer, context.task.max_length, resources)
        (context.output / FILE).write_bytes(model)
        _save_reading(encoder, static.classifier, context.output)


def open_static(folder: Path) -> Fitted:
    """The classifier that `fit_static` saved."""
    fitted = read_fitted(folder)
    saved = json.loads((folder / READING).read_text(encoding="utf-8"))
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    reference = partial(_reference, folder / TOKENIZER)
    return replace(
        fitted,
        graphs=(graph(**saved, source=folder / FILE),),
        checks=(same_tokens(reference, saved["max_length"], codec.token_ids, "text"),),
    )


def _reference(folder: Path, texts: Sequence[str], *, max_length: int, **settings: Any) -> Any:
    """Texts as the saved tokenizer of transformers reads them; only the check loads it."""
    return backbones.load_tokenizer(folder, max_length)(texts, max_length=max_length, **settings)


def _tokenized(encoder: FrozenEncoder, table: Table, data: ClassificationData) -> TokenizedRows:
    return TokenizedRows(encoder.tokenizer, table.texts("text"), data.targets(table), encoder.max_length)


def _counted(encoder: FrozenEncoder, rows: TokenizedRows) -> Rows:
    vocabulary = max(encoder.tokenizer.get_vocab().values()) + 1
    return token_counts(rows.tokens, rows.lengths, vocabulary), np.asarray(rows.targets)


def _fitted(encoder: FrozenEncoder, train: Rows, validation: Rows, classes: int, context: Context) -> StaticFit:
    """Reads tokens with the encoder while there is time, and fits the classifier."""
    special = set(encoder.tokenizer.all_special_ids)
    order = by_frequency(train[0], set(encoder.tokenizer.get_vocab().values()) - special)
    minutes = context.options.encode_minutes
    seconds = min(ENCODING * context.budget.remaining(), inf if minutes is None else 60 * minutes)
    source = backbones.fetch(context.options.backbone.chosen)  # the encoder may be a copy with a pruned vocabulary
    tokens, features = TokenFeatures(encoder, source).read(order, seconds)
    context.show(_coverage(tokens, len(order), train[0]))
    return fit(tokens, features, train, validation, classes, context.options, context.budget)


def _coverage(tokens: np.ndarray, readable: int, train: Counts) -> Section:
    """How many tokens have a vector, and by which rule they were chosen."""
    occurring = int((np.asarray(train.sum(0)).ravel() > 0).sum())
    note = message(
        "{count:,} of the {readable:,} tokens of the vocabulary have a vector: first the {occurring:,} that occur in training "
        "texts, from the most frequent on, then the others in the order of the vocabulary, as many as the time allows. Tokens "
        "without a vector count for nothing.",
        count=len(tokens),
        readable=readable,
        occurring=occurring,
    )
    return Section(message("Static token vectors"), note=note)


def _facts(static: StaticFit, temperature: float, rows: int, context: Context) -> ModelFacts:
    source, classifier = context.options.backbone.chosen, static.classifier
    names = messages("tokens with a vector", "dimensions", "smoothing", "temperature")
    values = len(classifier.vectors.tokens), static.dimensions, static.smoothing, temperature
    arrays = (classifier.vectors.vectors, classifier.vectors.weights, classifier.bias, classifier.head)
    return ModelFacts(
        backbone=source.name,
        licence=source.stated_licence,
        parameters=sum(array.size for array in arrays if array is not None),
        rows=rows,
        details={**dict(zip(names, values, strict=True)), "C": static.strength},
    )


def _save_reading(encoder: FrozenEncoder, classifier: Static, output: Path) -> None:
    """Saves what `open_static` needs beside the codec and the ONNX file."""
    encoder.tokenizer.save_pretrained(output / TOKENIZER)
    shutil.copy(encoder.folder / "config.json", output / TOKENIZER)
    saved = {
        "vocabulary": classifier.vocabulary,
        "classes": len(classifier.bias),
        "max_length": encoder.max_length,
        "pad": encoder.tokenizer.pad_token_id or 0,
    }
    (output / READING).write_text(json.dumps(saved), encoding="utf-8")


def _compare_with_scikit_learn(model: bytes, static: StaticFit, temperature: float, validation: TokenizedRows) -> None:
    """Raises FrameworkError where the graph answers validation rows with other probabilities than the regression."""
    import onnxruntime

    session, collate = onnxruntime.InferenceSession(model), TokenCollator(0)
    expected = tempered(static.regression.predict_proba(static.means), temperature)
    for start in range(0, len(validation), BATCH):
        batch = collate([validation[row] for row in range(start, min(start + BATCH, len(validation)))])
        (probabilities,) = session.run(None, {name: batch[name].numpy() for name in ("input_ids", "attention_mask")})
        wanted = expected[start : start + BATCH]
        apart = float(np.abs(probabilities[:, static.regression.classes_] - wanted).max())
        if not apart <= TOLERANCE:
            raise FrameworkError(
                f"the graph of the static vectors does not compute what scikit-learn does: probabilities of validation rows "
                f"{start + 1} to {start + len(wanted)} differ by up to {apart:.1e}"
            )
