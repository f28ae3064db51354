"""Fits and opens a fine-tuned encoder with a fitted temperature."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import CodecSpec, FitContext, Fitted, Graph, Json, ModelFacts, Table, Tensor, read_fitted, write_fitted
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec, FromTokens
from framework_classification.data import ClassificationData, LabelledTexts
from framework_classification.familiarity.comparison import Evidence
from framework_classification.familiarity.fitting import fit_familiarity, load_distance, save_distance
from framework_classification.module import Classifier
from framework_text import backbones
from framework_text.augmentation import varied_text
from framework_text.encoder import (
    TOLERANCE,
    EncoderModule,
    Examples,
    FamiliarClassifier,
    LabelProbabilities,
    SentenceClassifier,
    Target,
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
from framework_text.preparing import prepared
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Any, FineTuning]
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
    max_length: int
    """Tokens of a text, special ones included."""
    pad: int
    """Token id of the padding."""


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned network."""

    learner: EncoderModule
    tokenizer: Any
    examples: Examples
    facts: ModelFacts
    logits: np.ndarray
    """(rows, labels), of validation, the shortest rows first."""
    targets: np.ndarray
    """Of the same rows, as the network learned them."""
    saved: SavedClassifier

    def save(self, context: Context, codec: CodecSpec) -> None:
        """Fills the folder that `open_tuned` opens."""
        resources = write_fitted(context.output, codec, self.facts)
        write_tokenizer(self.tokenizer, self.saved.max_length, resources)
        save_network(self.learner.model, self.tokenizer, context.output / MODEL)
        (context.output / READING).write_text(json.dumps(asdict(self.saved)), encoding="utf-8")


def fit(data: ClassificationData, context: FitContext[Classification, FineTuning]) -> None:
    """Fine-tunes the backbone, fits the temperature on validation, and fills the folder that `open_fitted` opens."""
    weights = data.class_weights() if context.task.class_weights else None

    def module(network: Any, options: FineTuning) -> EncoderModule:
        return Classifier(network, len(data.labels), options, weights)

    with tuned(data, context, module, data.targets) as fitted:
        temperature, abstains = calibrated(context.task, fitted.logits, fitted.targets, context.show)
        distance, familiar = _familiarity(data, fitted, context)
        settings = {**data.settings(), "calibrated_at": temperature, **abstains, **familiar}
        fitted.save(context, CodecSpec("classification", settings))
        save_distance(distance, context.output)


@contextmanager
def tuned(
    data: LabelledTexts,
    context: Context,
    module: Callable[[Any, FineTuning], EncoderModule],
    targets: Callable[[Table], Sequence[Target]],
) -> Iterator[Tuned]:
    """The backbone, fine-tuned. module: what trains a network. targets: of each row of a table."""
    started = time.perf_counter()
    torch.manual_seed(context.seed)
    train_texts, other_texts = (table.texts("text") for table in (data.splits.train, data.splits.validation))
    with prepared(context, train_texts, other_texts, data.label_sets()) as (folder, context):
        network, tokenizer = _network(data, context, folder)
        changed = shape(network, context.options, begun=context.begin is not None)
        learner = module(network, context.options)
        examples = _examples(data, context, tokenizer, targets)
        learned = fine_tune(learner, tokenizer, examples, context, started, details=changed)
        pad = tokenizer.pad_token_id or 0
        saved = SavedClassifier(isinstance(network, SentenceClassifier), context.task.max_length, pad)
        yield Tuned(learner, tokenizer, examples, learned.facts, *predict(learner, examples.validation, pad), saved)


def _network(data: LabelledTexts, context: Context, folder: Path) -> tuple[Any, Any]:
    """The network and its tokenizer: of the backbone in a folder with a new head, or of the fit that is continued."""
    kind = SentenceClassifier if pools_by_mean(folder) else KIND
    if context.begin is not None:
        return open_network(context.begin / MODEL, kind, context.task.max_length)
    return new_network(folder, kind, data.labels), backbones.load_tokenizer(folder, context.task.max_length)


def open_fitted(folder: Path) -> Fitted:
    """The classifier that `fit` saved, with a graph that computes probabilities."""
    temperature = read_fitted(folder).codec.settings["calibrated_at"]

    def module(network: Any) -> FamiliarClassifier:
        return FamiliarClassifier(network, temperature, load_distance(folder))

    return open_tuned(folder, ClassificationCodec, module)


def open_tuned(
    folder: Path,
    codec_class: type[FromTokens],
    module: Callable[[Any], FamiliarClassifier | LabelProbabilities],
    thresholds: Sequence[float] | None = None,
) -> Fitted:
    """The network that `Tuned.save` saved.

    codec_class: of the settings that were saved. module: computes the graph from the network. thresholds: as of `graph`.
    """
    fitted = read_fitted(folder)
    saved = SavedClassifier(**json.loads((folder / READING).read_text(encoding="utf-8")))
    kind = SentenceClassifier if saved.sentence else KIND
    network, tokenizer = open_network(folder / MODEL, kind, saved.max_length)
    codec = codec_class(fitted.codec.settings, folder / "resources")
    return replace(
        fitted,
        features=FEATURES,
        graphs=(graph(module(network).eval(), network.config, saved.max_length, saved.pad, thresholds),),
        checks=(same_tokens(tokenizer, saved.max_length, codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def graph(
    module: FamiliarClassifier | FrozenClassifier | LabelProbabilities,
    config: Any,
    max_length: int,
    pad: int,
    thresholds: Sequence[float] | None = None,
) -> Graph:
    """The graph "classifier": token ids -> probabilities (batch, classes), features (batch, width), and familiarity (batch,) if
    the module computes it.

    pad: token id of the padding. thresholds: of each label, where a text has any number of them.
    """
    output = Tensor("probabilities", "float32", ("batch", module.head.out_features))
    beside = {Tensor("features", "float32", ("batch", module.head.in_features)): TOLERANCE}
    if not isinstance(module, LabelProbabilities) and module.familiarity is not None:
        beside[Tensor("familiarity", "float32", ("batch",))] = FAMILIARITY_TOLERANCE
    return encoder_graph("classifier", module, output, config, max_length, pad, beside, thresholds=thresholds)


def _familiarity(
    data: ClassificationData, fitted: Tuned, context: FitContext[Classification, FineTuning]
) -> tuple[Distance | None, dict[str, Json]]:
    """As `fit_familiarity`; reads no rows where no familiarity is asked for."""
    if context.task.refuse_known is None:
        return None, {}
    return fit_familiarity(context.task, _evidence(data, fitted), context.show)


def _evidence(data: ClassificationData, tuned: Tuned) -> Evidence:
    """The features that familiarity is fitted to, of at most `FAMILIAR` training rows or `FAMILIAR_A_CLASS` of each class."""
    pad, classes, network = tuned.saved.pad, len(data.labels), tuned.learner.model
    train = tuned.examples.train(min(tuned.examples.rows, max(FAMILIAR, FAMILIAR_A_CLASS * classes)))
    unknown = data.unknown_texts()
    others = TokenizedRows(tuned.tokenizer, unknown, [0] * len(unknown), tuned.saved.max_length)
    parts = [head_inputs(network, classes, in_order(rows, pad)) for rows in (train, tuned.examples.validation, others)]
    (features, targets), (known, _), (unknown_features, _) = parts
    unknown_logits = predict(tuned.learner, others, pad)[0] if unknown else np.zeros((0, classes), np.float32)
    return Evidence(features, targets, known, tuned.targets, tuned.logits, unknown_features, unknown_logits)


def _examples(data: LabelledTexts, context: Context, tokenizer: Any, targets: Callable[[Table], Sequence[Target]]) -> Examples:
    """Tokenized training and validation rows."""

    def rows(table: Table) -> TokenizedRows:
        return TokenizedRows(tokenizer, table.texts("text"), targets(table), context.task.max_length)

    def varied(most: int, seed: int) -> TokenizedRows:
        table, random = data.sample(most, context.seed), np.random.default_rng(seed)
        texts = [varied_text(text, context.options, random) for text in table.texts("text")]
        return TokenizedRows(tokenizer, texts, targets(table), context.task.max_length)

    return Examples(
        classes=len(data.labels),
        rows=len(data.splits.train),
        train=lambda most: rows(data.sample(most, context.seed)),
        validation=rows(data.splits.validation),
        max_length=context.task.max_length,
        varied=varied,
    )
