"""Fine-tunes an encoder of texts, saves it and opens it with a graph of its own."""

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

from framework import CodecSpec, FitContext, Fitted, Graph, ModelFacts, Table, Tensor, read_fitted, write_fitted
from framework_classification.candidates import FrozenCandidate
from framework_classification.codec import FromTokens
from framework_classification.data import LabelledTexts
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
from framework_text.features import FrozenClassifier, FrozenEncoder
from framework_text.options import FineTuning
from framework_text.preparing import prepared
from framework_text.probe import head_of
from framework_text.tokenizer import same_tokens, write_tokenizer

Context = FitContext[Any, FineTuning]
AVERAGING = 0.03  # share of the time of a fit that is kept for a mean with another network, which answers the validation rows
Loss = Callable[[np.ndarray, np.ndarray], float]  # of logits (rows, labels) and targets
FEATURES = "classifier.features"
FAMILIARITY_TOLERANCE = 0.01  # whitening magnifies the rounding of features, most where each class has become nearly a point
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

    def save_network(self, context: Context) -> None:
        """Writes the network into the fitted folder, which `save` does not."""
        save_network(self.learner.model, self.tokenizer, context.output / MODEL)

    def save(self, context: Context, codec: CodecSpec) -> None:
        """Fills the folder that `open_tuned` opens, where the network is already."""
        resources = write_fitted(context.output, codec, self.facts)
        write_tokenizer(self.tokenizer, self.saved.max_length, resources)
        (context.output / READING).write_text(json.dumps(asdict(self.saved)), encoding="utf-8")


@contextmanager
def tuned(
    data: LabelledTexts,
    context: Context,
    module: Callable[[Any, FineTuning], EncoderModule],
    targets: Callable[[Table], Sequence[Target]],
    loss: Loss | None = None,
) -> Iterator[Tuned]:
    """The backbone, fine-tuned. module: what trains a network. targets: of each row of a table. loss: by which a mean with the
    network of `FitContext.beside` is chosen on validation; None: none is made.
    """
    started = time.perf_counter()
    beside = context.beside if loss is not None else None
    if beside is not None:
        context = replace(context, budget=context.budget.without(AVERAGING * context.budget.remaining()))
    torch.manual_seed(context.seed)
    train_texts, other_texts = (table.texts("text") for table in (data.splits.train, data.splits.validation))
    with prepared(context, train_texts, other_texts, data.label_sets()) as (folder, context):
        network, tokenizer = _network(data, context, folder)
        changed = shape(network, context.options, begun=context.begin is not None)
        learner = module(network, context.options)
        examples = _with_features(_examples(data, context, tokenizer, targets), network, folder, data, context, targets)
        learned = fine_tune(learner, tokenizer, examples, context, started, details=changed)
        pad = tokenizer.pad_token_id or 0
        saved = SavedClassifier(isinstance(network, SentenceClassifier), context.task.max_length, pad)
        trained = Tuned(learner, tokenizer, examples, learned.facts, *_answered(learner, examples, pad), saved)
        if loss is not None and beside is not None:
            trained = _averaged(trained, beside, loss, repeats=context.options.repeat is not None)
        yield trained


def _averaged(trained: Tuned, beside: Path, loss: Loss, *, repeats: bool) -> Tuned:
    """The network whose weights are the mean of those of the trained one and of those in `beside`, where its loss on validation
    is smaller (model soups, Wortsman et al. 2022); else the trained one, also where the two have other backbones or shapes.
    Each network that `beside` itself is the mean of counts as one. repeats: whether a mean that was better is made once more.
    """
    network, before = trained.learner.model, read_fitted(beside).facts
    if before.backbone != trained.facts.backbone:
        return trained
    kind, networks = SentenceClassifier if trained.saved.sentence else KIND, before.networks + 1
    other, _ = open_network(beside / MODEL, kind, trained.saved.max_length)
    own, mean = _fractions(network), _fractions(other)
    if {name: weights.shape for name, weights in own.items()} != {name: weights.shape for name, weights in mean.items()}:
        return trained
    own = {name: weights.clone() for name, weights in own.items()}
    for name, weights in mean.items():
        weights.lerp_(own[name], 1 / networks)
    network.load_state_dict(mean, strict=False)
    logits, targets = _answered(trained.learner, trained.examples, trained.saved.pad)
    if repeats or loss(logits, targets) < loss(trained.logits, trained.targets):
        return replace(trained, facts=replace(trained.facts, networks=networks), logits=logits)
    network.load_state_dict(own, strict=False)
    return trained


def _fractions(network: Any) -> dict[str, torch.Tensor]:
    """The weights of a network, without whole numbers such as positions, which are not learned."""
    return {name: weights for name, weights in network.state_dict().items() if weights.is_floating_point()}


def _network(data: LabelledTexts, context: Context, folder: Path) -> tuple[Any, Any]:
    """The network and its tokenizer: of the backbone in a folder with a new head, or of the fit that is continued."""
    kind = SentenceClassifier if pools_by_mean(folder) else KIND
    if context.begin is not None:
        return open_network(context.begin / MODEL, kind, context.task.max_length)
    return new_network(folder, kind, data.labels), backbones.load_tokenizer(folder, context.task.max_length)


def _with_features(
    examples: Examples,
    network: Any,
    folder: Path,
    data: LabelledTexts,
    context: Context,
    targets: Callable[[Table], Sequence[Target]],
) -> Examples:
    """The examples with `Examples.features`, where features of the frozen encoder, the means of its last layer, are inputs of
    the network's head.
    """
    if not isinstance(network, SentenceClassifier) or context.begin is not None or context.options.layers is not None:
        return examples
    encoder, train = FrozenEncoder(folder, context.task.max_length), data.splits.train

    def features() -> tuple[np.ndarray, np.ndarray]:
        return encoder.features(list(train.texts("text")))[:, : network.config.hidden_size], np.asarray(targets(train))

    names = list(context.competing)
    before = names[: names.index("fine_tuned")] if "fine_tuned" in names else []
    cached = FrozenCandidate.name in before and encoder.cached(list(train.texts("text")))
    return replace(examples, features=features, cached=cached)


def _answered(learner: EncoderModule, examples: Examples, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """As `predict`, of the validation rows, in the time that the encoder takes in bfloat16 where the hardware has it; the head
    computes in fp32.
    """
    head = head_of(learner.model, examples.classes)
    if head is None:
        return predict(learner, examples.validation, pad)
    features, targets = head_inputs(learner.model, examples.classes, in_order(examples.validation, pad))
    with torch.inference_mode():
        return head(torch.from_numpy(features)).numpy(), targets


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
