"""Fine-tunes an encoder from start to end: plan, fitted head, training, and the facts for the manifest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from framework import FitContext, InputError, ModelFacts, TrainingFacts, message, train
from framework_text.attention import fastest_attention
from framework_text.augmentation import VARIANTS, VariedRows, varies
from framework_text.encoder.batches import EncoderBatches
from framework_text.encoder.module import EncoderModule
from framework_text.options import FineTuning
from framework_text.probe import PLAIN, Probing, fit_head, fit_head_to, head_of
from framework_text.throughput import learning_pace
from framework_text.tokens import EncodedRows, TokenCollator, countable, describe, in_order
from framework_text.training_plan import (
    VALIDATION,
    Plan,
    batch_size,
    epochs_of,
    learning_rate,
    limited,
    load_plan,
    repetition,
    save_plan,
    trainer_ends_training,
)
from framework_text.vocabulary import learning_occurring_tokens

PROBED, PROBED_A_CLASS = 1000, 120  # training rows that the initial head is fitted to: in all, or for each class if more
PROBED_CACHED = 10_000  # the same, at least, where their features are cached
HEAD = 0.6  # time to read a row for the head and to fit the head to it, as a share of the time to train on it
HEAD_CACHED = 0.2  # the same without the reading
ANSWERED = 2  # times that a training answers the validation rows: at the end of its last epoch, and after it
SAMPLE, TIMED = 512, 2  # rows on which the speed of training is measured, and batches of them
Context = FitContext[Any, FineTuning]
Plain = str | int | float | bool | None  # types of a model's facts


@dataclass(frozen=True)
class Examples:
    """The rows that an encoder is fine-tuned on, as its head needs them."""

    classes: int
    rows: int
    """Number of training rows."""
    train: Callable[[int], EncodedRows]
    """Takes a number and returns at most that many training rows, the same rows for the same number."""
    validation: EncodedRows
    max_length: int
    """Tokens of a row, at most."""
    cuts: bool = True
    """Whether longer rows are truncated, which the report then mentions."""
    features: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    """Returns, of every training row, the inputs of the head before training, float32 (rows, width), and the targets; None: the
    head takes other inputs than a frozen encoder computes."""
    cached: bool = False
    """Whether an earlier fit of the run has computed `features`, so that they take no time."""
    varied: Callable[[int, int], EncodedRows] | None = None
    """Takes a number and a seed, and returns the rows of `train` for the number, varied as `augmentation` does; None: this head
    cannot learn from varied rows."""


@dataclass(frozen=True)
class Learned:
    """The result of `fine_tune`, beside the weights."""

    plan: Plan
    """As saved in the folder of the trial."""
    facts: ModelFacts
    """For the manifest."""


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

    Shows sections about the plan and the rows. A resumed training keeps its plan.

    started: when the fit began, by the clock of `time.perf_counter`. probing: when to start from a fitted head. details:
    further facts, such as those of `shape`.
    """
    options, pad = context.options, tokenizer.pad_token_id or 0
    plan = load_plan(context) or save_plan(_measured(module, examples, context, pad), context.folder)
    context.show(plan.section())
    module.model.set_attn_implementation(plan.attention)
    module.options = replace(options, learning_rate=plan.learning_rate, batch_size=plan.batch_size)
    rows = examples.train(plan.rows)
    for section in describe(tokenizer, rows, examples.max_length, cuts=examples.cuts):
        context.show(section)
    if options.probe and not context.resume and context.begin is None:
        accuracy = probe(module.model, examples, pad, probing, cached=plan.head_from_cache)
        plan = save_plan(replace(plan, probe_accuracy=accuracy), context.folder)
    loader = EncoderBatches(
        _varied(rows, examples, context, plan), examples.validation, TokenCollator(pad), plan.batch_size, context.seed
    )
    training = learn(module, loader, replace(context, trainer=plan.trainer(context.trainer)), plan, pad, started)
    return Learned(plan, facts_of(module.model, context, plan, training, details or {}, examples.max_length))


def _varied(rows: EncodedRows, examples: Examples, context: Context, plan: Plan) -> EncodedRows | VariedRows:
    """The rows, with variants where the options ask for them."""
    if not varies(context.options):
        return rows
    if examples.varied is None:
        raise InputError(
            "model.word_dropout, model.swaps and model.typos: this candidate cannot vary its rows; write 0 for each"
        )
    variants = [examples.varied(plan.rows, context.seed + number) for number in range(1, VARIANTS + 1)]
    return VariedRows(rows, variants, context.seed)


def plan_of(
    rows: int,
    classes: int,
    validated: int,
    context: Context,
    measure: Callable[[], tuple[str, Mapping[str, float]]],
    *,
    cached: bool = False,
) -> Plan:
    """Plans a training from the numbers of rows and classes and the recipe's time limit.

    validated: number of rows in each validation. measure: returns the fastest implementation of attention, and the training
    rows a second of each one measured. cached: as of `Examples`.
    """
    options = context.options
    batch = batch_size(options, rows)
    attention, paces = measure()
    plan = Plan(rows, None, batch, learning_rate(options, batch), [], attention, head_from_cache=cached)
    if trainer_ends_training(context.trainer):
        return plan
    epochs = epochs_of(options, rows, classes, batch, begun=context.begin is not None)
    why = message(
        "{epochs} epochs follow from {rows:,} rows of {classes} classes; trainer.max_epochs= says otherwise",
        epochs=epochs,
        rows=rows,
        classes=classes,
    )
    if options.epochs is not None:
        why = message("{epochs} epochs, as model.epochs= says", epochs=epochs)
    plan = replace(plan, epochs=epochs, why=[why])
    head = (HEAD_CACHED if cached else HEAD) * _probed(rows, classes) if options.probe and context.begin is None else 0
    answered = ANSWERED * VALIDATION * validated
    _check_time((head + answered) / paces[attention], context.budget.remaining())
    return limited(plan, context, paces, validated)


def _check_time(needed: float, remaining: float) -> None:
    """Raises InputError where the budget leaves no time for learning. needed, remaining: seconds."""
    if needed > remaining:
        raise InputError(
            message(
                "fitting its head and answering the validation rows take about {needed:.0f} s on this machine, and "
                "{remaining:.0f} s are left; write a longer budget=",
                needed=needed,
                remaining=remaining,
            )
        )


def _probed(rows: int, classes: int) -> int:
    """How many of the rows a head is fitted to."""
    return min(max(PROBED, PROBED_A_CLASS * classes), rows)


def _measured(module: EncoderModule, examples: Examples, context: Context, pad: int) -> Plan:
    """A plan from the speed of training, measured on a sample of the rows."""
    sample, options = examples.train(SAMPLE), context.options
    batch, collate = batch_size(options, examples.rows), TokenCollator(pad)

    def measure() -> tuple[str, Mapping[str, float]]:
        return fastest_attention(
            module.model, options.attention, lambda: learning_pace(module, sample, batch, collate, context, TIMED)
        )

    return plan_of(examples.rows, examples.classes, len(examples.validation), context, measure, cached=examples.cached)


def probe(network: Any, examples: Examples, pad: int, probing: Probing, *, cached: bool = False) -> float | None:
    """Fits the head to a sample of the rows, in place; returns its held-out accuracy, or None where the head stays random.

    cached: whether it is fitted to `Examples.features`.
    """
    count = _probed(examples.rows, examples.classes)
    head = head_of(network, examples.classes)
    if cached and examples.features is not None and head is not None:
        features, targets = examples.features()
        chosen = np.linspace(0, len(targets) - 1, min(len(targets), max(count, PROBED_CACHED))).astype(int)
        if targets.ndim == 1:  # a label that is left out would leave the head random
            chosen = np.union1d(chosen, np.unique(targets, return_index=True)[1])
        return fit_head_to(head, features[chosen], targets[chosen], probing)
    rows = examples.train(count)
    return fit_head(network, examples.classes, in_order(rows, pad), probing)


def learn(
    module: EncoderModule, loader: EncoderBatches, context: Context, plan: Plan, pad: int, started: float
) -> TrainingFacts:
    """Trains by the plan's schedule, and shows how to repeat the training.

    Embeddings are trained only of tokens that occur in the rows. pad: id of the padding token. started: see `fine_tune`.
    """
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
    """The facts of a trained network for the manifest."""
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
    """Logits and labels of rows, shortest rows first, computed in eval mode and fp32.

    Shapes: (rows, classes) and (rows,) for a head over texts; (labels, classes) and (labels,) for one over tokens, without
    `IGNORED` labels; (rows, labels) both for a head over texts whose targets are a 0 or 1 for each label. pad: id of the
    padding token.
    """
    module.eval()
    logits, labels = [], []
    with torch.inference_mode():
        for batch in in_order(rows, pad):
            outputs = module(batch)
            counted = countable(batch["labels"], outputs.ndim)
            logits.append(outputs[counted].numpy())
            labels.append(batch["labels"][counted].numpy())
    return np.concatenate(logits), np.concatenate(labels)
