"""A fine-tuned encoder with a fitted temperature."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    Graph,
    LengthBucketSampler,
    ModelFacts,
    Table,
    Tensor,
    TrainingFacts,
    read_fitted,
    train,
    write_fitted,
)
from framework_classification import Classification
from framework_classification.calibration import calibrated
from framework_classification.codec import ClassificationCodec
from framework_classification.data import ClassificationData
from framework_classification.module import ClassificationBatches, Classifier, Probabilities
from framework_text import backbones
from framework_text.attention import fastest_attention
from framework_text.dropout import set_dropout
from framework_text.options import FineTuning
from framework_text.probe import fit_head
from framework_text.sentence import SentenceClassifier, pools_by_mean
from framework_text.shaping import freeze, keep_layers
from framework_text.throughput import learning_pace
from framework_text.tokenizer import example_tokens, same_tokens, write_tokenizer
from framework_text.tokens import Collate, TokenizedRows, batches, describe
from framework_text.training_plan import Plan, batch_size, decided, keep, kept, learning_rate, repetition, wanted_epochs, within
from framework_text.vocabulary import learning_occurring_tokens

PROBED, PROBED_A_CLASS = 2000, 120  # training rows that the head is fitted to before fine-tuning
SAMPLE = 512  # rows from which the speed of learning is measured
Context = FitContext[Classification, FineTuning]
MODEL = "model"  # in the folder that is filled: the network and its tokenizer, as transformers saves them
READING = "reading.json"
TOLERANCE = 1e-4  # of a probability, between the module and an exact export


def fit(data: ClassificationData, context: Context) -> None:
    """Fine-tunes the backbone, fits the temperature on validation, and leaves the network, its tokenizer and how to read it."""
    started = time.perf_counter()
    torch.manual_seed(context.seed)
    task, options = context.task, context.options
    folder = backbones.fetch(options.backbone.chosen)
    tokenizer = backbones.load_tokenizer(folder, task.max_length)
    network, shape = _network(folder, data.labels, options)
    classifier = Classifier(network, len(data.labels), options, data.class_weights() if task.class_weights else None)
    plan = kept(context) or keep(_plan(data, context, classifier, tokenizer), context.folder)
    context.show(plan.section())
    network.set_attn_implementation(plan.attention)
    classifier.options = replace(options, learning_rate=plan.learning_rate, batch_size=plan.batch_size)
    tables = {"train": data.some(plan.rows, context.seed), "validation": data.splits.validation}
    rows = {name: _tokenized(data, table, tokenizer, task) for name, table in tables.items()}
    for section in describe(tokenizer, tables["train"].texts("text"), rows["train"], task.max_length):
        context.show(section)
    pad = tokenizer.pad_token_id or 0
    if options.probe and not context.resume:
        plan = keep(replace(plan, probe_accuracy=_probe(network, data, context, tokenizer)), context.folder)
    loader = ClassificationBatches(rows["train"], rows["validation"], pad, plan.batch_size, context.seed)
    training = _train(classifier, loader, replace(context, trainer=plan.trainer(context.trainer)), plan, started)
    temperature, abstains = calibrated(task, *predict_logits(classifier, rows["validation"], pad), context.show)
    settings = {"labels": data.labels, "calibrated_at": temperature, **abstains}
    facts = _facts(network, context, plan, training, shape)
    resources = write_fitted(context.output, CodecSpec("classification", settings), facts)
    write_tokenizer(tokenizer, task.max_length, resources)
    save(network, tokenizer, context.output / MODEL)
    reading = Reading(isinstance(network, SentenceClassifier), temperature, task.max_length, pad)
    (context.output / READING).write_text(json.dumps(asdict(reading)), encoding="utf-8")


@dataclass(frozen=True)
class Reading:
    """How the saved network becomes a graph."""

    sentence: bool
    """It is a `SentenceClassifier`, not one of transformers' own."""
    temperature: float
    max_length: int
    pad: int


def open_fitted(folder: Path) -> Fitted:
    """What `fit` left: a graph that gives probabilities."""
    fitted = read_fitted(folder)
    reading = Reading(**json.loads((folder / READING).read_text(encoding="utf-8")))
    network = (
        SentenceClassifier.saved(folder / MODEL)
        if reading.sentence
        else backbones.load_model("AutoModelForSequenceClassification", folder / MODEL)
    )
    _name_loss(network)
    tokenizer = backbones.load_tokenizer(folder / MODEL, reading.max_length)
    codec = ClassificationCodec(fitted.codec.settings, folder / "resources")
    module = Probabilities(network, reading.temperature).eval()
    return replace(
        fitted,
        graphs=(graph(module, network.config, reading.max_length, reading.pad),),
        checks=(same_tokens(tokenizer, reading.max_length, codec.token_ids, "text"),),
        save=partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True),
    )


def save(network: Any, tokenizer: Any, folder: Path) -> None:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _train(
    classifier: Classifier, loader: ClassificationBatches, context: Context, plan: Plan, started: float
) -> TrainingFacts:
    """Facts of the training. started: when the fit began, by the clock of `time.perf_counter`."""
    tokens = [rows.tokens for rows in (loader.train, loader.validation)]
    with learning_occurring_tokens(classifier.model, tokens, loader.pad):
        schedule = plan.schedule(context, time.perf_counter() - started)
        patience, validated = classifier.options.patience, len(loader.validation)
        training = train(classifier, loader, context, patience=patience, schedule=schedule, validated=validated)
    context.show(repetition(plan, context.folder, training))
    return training


def _facts(network: Any, context: Context, plan: Plan, training: TrainingFacts, shape: Mapping[str, Any]) -> ModelFacts:
    source = context.options.backbone.chosen
    probed: dict[str, float | None] = {"probe accuracy": plan.probe_accuracy} if plan.probe_accuracy is not None else {}
    learned: dict[str, str | int | float | None] = {
        "batch size": plan.batch_size,
        "learning rate": plan.learning_rate,
        "attention": plan.attention,
    }
    return ModelFacts(
        backbone=source.name,
        licence=source.licence or "not stated (model.licence= records it)",
        parameters=sum(p.numel() for p in network.parameters()),
        rows=plan.rows,
        training=training,
        details={**probed, **learned, **shape, "max length": context.task.max_length},
    )


def _probe(network: Any, data: ClassificationData, context: Context, tokenizer: Any) -> float | None:
    """Begins with a head fitted to some rows; its accuracy, where it was worth beginning with."""
    some = _tokenized(data, data.some(_probed(data), context.seed), tokenizer, context.task)
    sampler = LengthBucketSampler(some.lengths, 64, shuffle=False)
    return fit_head(network, len(data.labels), batches(some, sampler, tokenizer.pad_token_id or 0))


def _probed(data: ClassificationData) -> int:
    return min(max(PROBED, PROBED_A_CLASS * len(data.labels)), len(data.splits.train))


def _network(folder: Path, labels: Sequence[str], model: FineTuning) -> tuple[Any, dict[str, Any]]:
    """The backbone with a head for the labels, shaped as the recipe says, and what of its shape was changed."""
    names = dict(enumerate(labels))
    ids = {label: i for i, label in names.items()}
    head = {"num_labels": len(names), "id2label": names, "label2id": ids}
    network = (
        SentenceClassifier.over(folder, **head)
        if pools_by_mean(folder)
        else backbones.load_model("AutoModelForSequenceClassification", folder, **head)
    )
    layers, frozen = keep_layers(network, model.layers), freeze(network, model.freeze)
    _name_loss(network)
    set_dropout(network, model.dropout)
    shape = {"layers": ", ".join(map(str, layers))} if model.layers is not None else {}
    return network, shape | ({"frozen parameters": frozen} if frozen else {})


def _name_loss(network: Any) -> None:
    for part in network.modules():
        if hasattr(part, "loss_type"):
            part.loss_type = "ForSequenceClassification"  # or transformers warns while TorchScript is traced


def _tokenized(data: ClassificationData, table: Table, tokenizer: Any, options: Classification) -> TokenizedRows:
    return TokenizedRows(tokenizer, table.texts("text"), data.targets(table), options.max_length)


def _plan(data: ClassificationData, context: Context, classifier: Classifier, tokenizer: Any) -> Plan:
    """From rows, classes and the time stated; how fast rows are learned is measured on some of them."""
    model, rows = context.options, len(data.splits.train)
    batch = batch_size(model, rows)
    sample = _tokenized(data, data.some(SAMPLE, context.seed), tokenizer, context.task)
    collate = Collate(tokenizer.pad_token_id or 0)
    attention, paces = fastest_attention(
        classifier.model, model.attention, lambda: learning_pace(classifier, sample, batch, collate, context)
    )
    plan = Plan(rows, None, batch, learning_rate(model, batch), [], attention)
    if decided(context.trainer):
        return plan
    epochs = wanted_epochs(rows, len(data.labels), batch)
    why = [f"{epochs} epochs follow from {rows:,} rows of {len(data.labels)} classes; trainer.max_epochs= says otherwise"]
    plan = replace(plan, epochs=epochs, why=why)
    return plan if model.minutes is None else within(plan, model.minutes, paces, len(data.splits.validation))


def predict_logits(classifier: Classifier, rows: TokenizedRows, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (rows, classes) and targets (rows,) of a split, shortest rows first, in fp32 eval mode."""
    loader = batches(rows, LengthBucketSampler(rows.lengths, 64, shuffle=False), pad)
    classifier.eval()
    with torch.inference_mode():
        pairs = [(classifier(batch).numpy(), batch["labels"].numpy()) for batch in loader]
    return np.concatenate([logits for logits, _ in pairs]), np.concatenate([targets for _, targets in pairs])


def graph(module: Probabilities, config: Any, max_length: int, pad: int) -> Graph:
    axes = ("batch", "sequence")
    return Graph(
        "classifier",
        inputs=(Tensor("input_ids", "int64", axes, pad=pad), Tensor("attention_mask", "int64", axes)),
        outputs=(Tensor("probabilities", "float32", ("batch", config.num_labels)),),
        axes={"sequence": (1, max_length)},
        tolerance={"probabilities": TOLERANCE},
        decides="probabilities",
        source=module,
        example=partial(example_tokens, vocabulary=config.vocab_size),
    )
