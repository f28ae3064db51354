"""Fine-tuning as a whole: the plan, a head to begin with, training, and what is known of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from framework import FitContext, ModelFacts, TrainingFacts, message, train
from framework_text.attention import fastest_attention
from framework_text.encoder.batches import EncoderBatches
from framework_text.encoder.module import EncoderModule
from framework_text.options import FineTuning
from framework_text.probe import PLAIN, Probing, fit_head
from framework_text.throughput import learning_pace
from framework_text.tokens import IGNORED, Collate, EncodedRows, describe, in_order
from framework_text.training_plan import (
    Plan,
    batch_size,
    decided,
    learning_rate,
    load_plan,
    repetition,
    save_plan,
    wanted_epochs,
    within,
)
from framework_text.vocabulary import learning_occurring_tokens

PROBED, PROBED_A_CLASS = 2000, 120  # training rows that the head is fitted to before fine-tuning
SAMPLE = 512  # rows from which the speed of learning is measured
Context = FitContext[Any, FineTuning]
Plain = str | int | float | bool | None  # what the facts of a model hold


@dataclass(frozen=True)
class Examples:
    """What is learned from, as a head's own data make it."""

    classes: int
    rows: int
    """Training rows there are."""
    train: Callable[[int], EncodedRows]
    """At most so many of them; the same ones for the same number."""
    validation: EncodedRows
    max_length: int
    """Tokens of a row."""
    cuts: bool = True
    """Whether longer rows are cut, which the run tells."""


@dataclass(frozen=True)
class Learned:
    """plan: as it was kept. facts: what the manifest says of the model."""

    plan: Plan
    facts: ModelFacts


def fine_tune(
    module: EncoderModule,
    tokenizer: Any,
    examples: Examples,
    context: Context,
    started: float,
    *,
    probing: Probing = PLAIN,
    details: Mapping[str, Plain] | None = None,
) -> Learned:
    """Trains `module` on examples, in place; afterwards it has the best weights, on the CPU, in eval mode.

    started: when the fit began, by the clock of `time.perf_counter`. details: further facts, such as those of `shape`.
    Sections about the plan and the rows are shown. A training that is resumed goes on with the plan that it began with.
    """
    options, pad = context.options, tokenizer.pad_token_id or 0
    plan = load_plan(context) or save_plan(_measured(module, examples, context, pad), context.folder)
    context.show(plan.section())
    module.model.set_attn_implementation(plan.attention)
    module.options = replace(options, learning_rate=plan.learning_rate, batch_size=plan.batch_size)
    rows = examples.train(plan.rows)
    for section in describe(tokenizer, rows, examples.max_length, cuts=examples.cuts):
        context.show(section)
    if options.probe and not context.resume:
        accuracy = probe(module.model, examples, pad, probing)
        plan = save_plan(replace(plan, probe_accuracy=accuracy), context.folder)
    loader = EncoderBatches(rows, examples.validation, Collate(pad), plan.batch_size, context.seed)
    training = learn(module, loader, replace(context, trainer=plan.trainer(context.trainer)), plan, pad, started)
    return Learned(plan, facts_of(module.model, context, plan, training, details or {}, examples.max_length))


def plan_of(
    rows: int, classes: int, validated: int, context: Context, measure: Callable[[], tuple[str, Mapping[str, float]]]
) -> Plan:
    """What the recipe leaves open, from rows, classes and the time stated.

    validated: rows that each validation judges. measure: gives the implementation of attention to learn with, and rows a
    second learned with each that was measured.
    """
    options = context.options
    batch = batch_size(options, rows)
    attention, paces = measure()
    plan = Plan(rows, None, batch, learning_rate(options, batch), [], attention)
    if decided(context.trainer):
        return plan
    epochs = wanted_epochs(rows, classes, batch)
    why = message(
        "{epochs} epochs follow from {rows:,} rows of {classes} classes; trainer.max_epochs= says otherwise",
        epochs=epochs,
        rows=rows,
        classes=classes,
    )
    plan = replace(plan, epochs=epochs, why=[why])
    return plan if options.minutes is None else within(plan, options.minutes, paces, validated)


def _measured(module: EncoderModule, examples: Examples, context: Context, pad: int) -> Plan:
    """How fast rows are learned is measured on some of them."""
    sample, options = examples.train(SAMPLE), context.options
    batch, collate = batch_size(options, examples.rows), Collate(pad)

    def measure() -> tuple[str, Mapping[str, float]]:
        return fastest_attention(
            module.model, options.attention, lambda: learning_pace(module, sample, batch, collate, context)
        )

    return plan_of(examples.rows, examples.classes, len(examples.validation), context, measure)


def probe(network: Any, examples: Examples, pad: int, probing: Probing) -> float | None:
    """Begins with a head fitted to some rows; its accuracy, where it was worth beginning with."""
    rows = examples.train(min(max(PROBED, PROBED_A_CLASS * examples.classes), examples.rows))
    return fit_head(network, examples.classes, in_order(rows, pad), probing)


def learn(
    module: EncoderModule, loader: EncoderBatches, context: Context, plan: Plan, pad: int, started: float
) -> TrainingFacts:
    """Trains with the plan's schedule, the embeddings of occurring tokens alone, and shows how it is repeated."""
    tokens = [rows.tokens for rows in (loader.train, loader.validation)]
    with learning_occurring_tokens(module.model, tokens, pad):
        schedule = plan.schedule(context, time.perf_counter() - started)
        patience, validated = module.options.patience, len(loader.validation)
        training = train(module, loader, context, patience=patience, schedule=schedule, validated=validated)
    context.show(repetition(plan, context.folder, training))
    return training


def facts_of(
    network: Any, context: Context, plan: Plan, training: TrainingFacts, details: Mapping[str, Plain], max_length: int
) -> ModelFacts:
    source = context.options.backbone.chosen
    probed: dict[str, Plain] = {"probe accuracy": plan.probe_accuracy} if plan.probe_accuracy is not None else {}
    learned: dict[str, Plain] = {
        "batch size": plan.batch_size,
        "learning rate": plan.learning_rate,
        "attention": plan.attention,
    }
    return ModelFacts(
        backbone=source.name,
        licence=source.stated_licence,
        parameters=sum(weights.numel() for weights in network.parameters()),
        rows=plan.rows,
        training=training,
        details=probed | learned | dict(details) | {"max length": max_length},
    )


def predict(module: EncoderModule, rows: EncodedRows, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels, shortest rows first, in fp32 eval mode: (rows, classes) and (rows,) of a head over texts,
    (labels, classes) and (labels,) of one over tokens, without labels that are `IGNORED`.
    """
    module.eval()
    logits, labels = [], []
    with torch.inference_mode():
        for batch in in_order(rows, pad):
            counted = batch["labels"] != IGNORED
            logits.append(module(batch)[counted].numpy())
            labels.append(batch["labels"][counted].numpy())
    return np.concatenate(logits), np.concatenate(labels)
