"""The candidate that ships: a fine-tuned encoder with a fitted temperature."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from framework import FitContext, Fitted, Graph, LengthBucketSampler, Section, Table, Tensor, train
from framework_classification import Classification
from framework_classification.calibration import NEVER, UNFITTED, fit_temperature, nothing_to_fit, threshold_for
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
TOLERANCE = 1e-4  # of a probability, between the module and an exact export


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone, fits the temperature on validation, and returns the graph that gives probabilities."""
    started = time.perf_counter()
    data: ClassificationData = context.data
    options: Classification = context.options
    model: FineTuning = context.model
    folder = backbones.fetch(model.backbone)
    tokenizer = backbones.load_tokenizer(folder, options.max_length)
    network, shape = _network(folder, data.labels, model)
    classifier = Classifier(network, len(data.labels), model, data.class_weights() if options.class_weights else None)
    plan = kept(context) or keep(_plan(context, classifier, tokenizer), context.folder)
    context.show(plan.section())
    network.set_attn_implementation(plan.attention)
    classifier.options = replace(model, learning_rate=plan.learning_rate, batch_size=plan.batch_size)
    tables = {"train": data.some(plan.rows, context.seed), "validation": data.splits.validation}
    rows = {name: _tokenized(data, table, tokenizer, options) for name, table in tables.items()}
    for section in describe(tokenizer, tables["train"].texts("text"), rows["train"], options.max_length):
        context.show(section)
    pad = tokenizer.pad_token_id or 0
    if model.probe and not context.resume:
        plan = keep(replace(plan, probe_accuracy=_probe(network, context, tokenizer)), context.folder)
    loader = ClassificationBatches(rows["train"], rows["validation"], pad, plan.batch_size, context.seed)
    training = _train(classifier, loader, replace(context, trainer=plan.trainer(context.trainer)), plan, started)
    temperature, abstains = _calibrated(context, *predict_logits(classifier, rows["validation"], pad))
    return Fitted(
        settings={"labels": data.labels, **abstains},
        graphs=(graph(Probabilities(network, temperature).eval(), network.config, options.max_length, pad),),
        write_resources=partial(write_tokenizer, tokenizer, options.max_length),
        save=partial(_save, network, tokenizer),
        checks=(same_tokens(tokenizer, options.max_length, ClassificationCodec.token_ids, "text"),),
        facts=_facts(network, model, plan) | shape | {"max_length": options.max_length, "temperature": temperature, **training},
    )


def _train(
    classifier: Classifier, loader: ClassificationBatches, context: FitContext, plan: Plan, started: float
) -> dict[str, Any]:
    """Facts of the training. started: when the fit began, by the clock of `time.perf_counter`."""
    tokens = [rows.tokens for rows in (loader.train, loader.validation)]
    with learning_occurring_tokens(classifier.model, tokens, loader.pad):
        schedule = plan.schedule(context, time.perf_counter() - started)
        patience, validated = classifier.options.patience, len(loader.validation)
        training = train(classifier, loader, context, patience=patience, schedule=schedule, validated=validated)
    context.show(repetition(plan, context.folder, training))
    return training


def _calibrated(context: FitContext, logits: np.ndarray, targets: np.ndarray) -> tuple[float, dict[str, float]]:
    """The temperature, and the codec settings of abstention, from validation rows; what they do not tell is shown."""
    temperature = fit_temperature(logits, targets)
    if temperature == UNFITTED:
        why = nothing_to_fit(logits, targets) or "the likeliest one is smaller than any that few rows can show"
        context.show(Section("Temperature", note=f"it stays 1, so that probabilities are not calibrated: {why}"))
    abstains = abstention(context.options, logits / temperature, targets)
    if abstains.get("threshold") == NEVER:
        context.show(Section("Abstention", note=_always_abstains(context.options)))
    return temperature, abstains


def _facts(network: Any, model: FineTuning, plan: Plan) -> dict[str, Any]:
    """For the manifest."""
    source = model.backbone
    return {
        "backbone": source.name,
        "licence": source.licence or "not stated (model.licence= records it)",
        "parameters": sum(p.numel() for p in network.parameters()),
        **({"probe_accuracy": plan.probe_accuracy} if plan.probe_accuracy is not None else {}),
        "rows": plan.rows,
        "batch_size": plan.batch_size,
        "learning_rate": plan.learning_rate,
        "attention": plan.attention,
    }


def _probe(network: Any, context: FitContext, tokenizer: Any) -> float | None:
    """Begins with a head fitted to some rows; its accuracy, where it was worth beginning with."""
    data = context.data
    some = _tokenized(data, data.some(_probed(data), context.seed), tokenizer, context.options)
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
    for part in network.modules():
        if hasattr(part, "loss_type"):
            part.loss_type = "ForSequenceClassification"  # or transformers warns while TorchScript is traced
    set_dropout(network, model.dropout)
    shape = {"layers": layers} if model.layers is not None else {}
    return network, shape | ({"frozen_parameters": frozen} if frozen else {})


def _tokenized(data: ClassificationData, table: Table, tokenizer: Any, options: Classification) -> TokenizedRows:
    return TokenizedRows(tokenizer, table.texts("text"), data.targets(table), options.max_length)


def _plan(context: FitContext, classifier: Classifier, tokenizer: Any) -> Plan:
    """From rows, classes and the time stated; how fast rows are learned is measured on some of them."""
    data, model, rows = context.data, context.model, len(context.data.splits.train)
    batch = batch_size(model, rows)
    sample = _tokenized(data, data.some(SAMPLE, context.seed), tokenizer, context.options)
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


def abstention(options: Classification, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Codec settings: the threshold that gives the precision asked for on validation, if one is asked for."""
    if options.abstain_precision is None:
        return {}
    confidence, right = softmax(logits, axis=-1).max(-1), logits.argmax(-1) == targets
    return {
        "precision": options.abstain_precision,
        "threshold": threshold_for(options.abstain_precision, confidence, right),
    }


def _always_abstains(options: Classification) -> str:
    asked = f"task.abstain_precision={options.abstain_precision}"
    return (
        f"warning: however sure, the model is not right that often on validation, so nearly every answer will be marked as an "
        f"abstention; ask for less than {asked}, or add training rows"
    )


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
        module=module,
        example=partial(example_tokens, vocabulary=config.vocab_size),
    )


def _save(network: Any, tokenizer: Any, folder: Path) -> None:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
