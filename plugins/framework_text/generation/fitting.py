"""Fine-tunes a causal language model or an encoder-decoder model on prompts and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from framework import FitContext, LengthBucketSampler, Metric, ModelFacts, Settings, TrainingFacts, message, train
from framework_text.attention import fastest_attention
from framework_text.generation.adapters import adapted
from framework_text.generation.module import Writer, WriterBatches
from framework_text.generation.options import Writing
from framework_text.generation.pairs import Pair
from framework_text.generation.rows import PromptCollator, PromptedRows, runs, tokens_taken
from framework_text.throughput import learning_pace
from framework_text.tokenizer import write_tokenizer
from framework_text.training_plan import Plan, limited, load_plan, plan_by_rows, repetition, save_plan, trainer_ends_training

C = TypeVar("C")
Context = FitContext[Any, Writing]
TIMED = 6  # batches on which the speed of training is measured
VALIDATED = 200  # random validation rows, at most, whose loss decides on early stopping after each epoch


def codec_of(codec: Callable[[Settings, Path], C], settings: Settings, tokenizer: Any) -> C:
    """A codec as in the artifact, so that training rows are tokenized as requests will be."""
    with TemporaryDirectory() as folder:
        write_tokenizer(tokenizer, None, Path(folder))
        return codec(settings, Path(folder))


def prompted_rows(pairs: Sequence[Pair], count: int | None = None, seed: int = 0) -> PromptedRows:
    """Training rows of `count` pairs, drawn at random, in their order; count: None: of all pairs."""
    places = range(len(pairs))
    if count is not None and count < len(pairs):
        places = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:count]).tolist()
    return PromptedRows([pairs[i].prompt for i in places], [pairs[i].answer for i in places])


def padding(rows: PromptedRows, batch_size: int, seed: int, *, apart: bool, split: bool = True) -> float:
    """The share of padding among the tokens of the first epoch, 0 to 1.

    apart: see `PromptedRows.sizes`. split: whether each batch is split by `runs`.
    """
    sizes, taken = rows.sizes(apart=apart), 0
    for batch in LengthBucketSampler(rows.lengths, batch_size, shuffle=True, seed=seed):
        rows_of_batch = sizes[batch]
        groups = runs(rows_of_batch) if split else [range(len(rows_of_batch))]
        taken += sum(tokens_taken(rows_of_batch, group) for group in groups)
    return 1 - float(sizes.sum()) / taken


def fine_tune(context: Context, network: Any, pairs: Mapping[str, Sequence[Pair]], pad: int) -> tuple[Any, ModelFacts]:
    """The fine-tuned network, with adapters merged, and facts of the model.

    pairs: by split, ``train`` and ``validation``. pad: id of the padding token.
    """
    started = time.perf_counter()
    options = context.options
    model = adapted(network, options)
    if options.checkpointing:
        recomputing(network)
    writer = Writer(model, options)
    collate = PromptCollator(pad, apart=network.config.is_encoder_decoder)
    plan = load_plan(context) or save_plan(_plan(context, writer, network, pairs, collate), context.folder)
    context.show(plan.section())
    network.set_attn_implementation(plan.attention)
    rows = prompted_rows(pairs["train"], plan.rows, context.seed)
    validated = prompted_rows(pairs["validation"], VALIDATED, context.seed)
    loader = WriterBatches(rows, validated, collate, options.batch_size, context.seed)
    training = _train(writer, loader, context, plan, started)
    if options.checkpointing:
        network.disable_input_require_grads()
    split = training.devices == 1  # with several devices batches are not split
    share = padding(rows, options.batch_size, context.seed, apart=collate.apart, split=split)
    details = _training_details(writer, options) | {"padding": round(share, 4), "attention": plan.attention}
    merged = network if options.adapter == "none" else model.merge_and_unload()
    source = options.backbone.chosen
    parameters = sum(weights.numel() for weights in merged.parameters())
    return merged, ModelFacts(source.name, source.stated_licence, parameters, plan.rows, training, details)


def _train(writer: Writer, loader: WriterBatches, context: Context, plan: Plan, started: float) -> TrainingFacts:
    """Trains by the plan. started: when the fit began, by the clock of `time.perf_counter`."""
    by_loss = Metric("loss", maximize=False)  # generating answers in every epoch would take longer than training
    context_by_loss = replace(context, metric=by_loss, trainer=plan.trainer(context.trainer))
    schedule = plan.schedule(context, time.perf_counter() - started)
    training = train(writer, loader, context_by_loss, patience=context.options.patience, schedule=schedule)
    context.show(repetition(plan, context.folder, training))
    return training


def _training_details(writer: Writer, options: Writing) -> dict[str, str | int | float]:
    """Facts of the training, to be taken before adapters are merged."""
    ranks = dict(zip(("ranks left", "ranks begun"), writer.ranks.left(), strict=True)) if writer.ranks else {}
    trained = sum(weights.numel() for weights in writer.parameters() if weights.requires_grad)
    return {"adapter": options.adapter, "trained parameters": trained, **ranks}


def recomputing(network: Any) -> None:
    """Enables gradient checkpointing, which also works for layers with frozen weights."""
    name = "activation_checkpointing_enable"
    enable = getattr(network, name) if hasattr(network, name) else network.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _plan(context: Context, writer: Writer, network: Any, pairs: Mapping[str, Sequence[Pair]], collate: PromptCollator) -> Plan:
    """A plan from the number of rows, the recipe's time limit and the measured speed of training.

    AdaLoRA allocates ranks over a fixed number of steps, so its plan has epochs and rows in place of the time limit.
    """
    options, rows = writer.options, len(pairs["train"])
    rows = min(rows, options.rows or rows)
    batch, rate = options.batch_size, options.learning_rate
    sample = prompted_rows(pairs["train"])
    attention, paces = fastest_attention(
        network, options.attention, lambda: learning_pace(writer, sample, batch, collate, context, TIMED)
    )
    plan = Plan(rows, None, batch, rate, [], attention)
    if trainer_ends_training(context.trainer):
        return plan
    why = message("at most {epochs} epochs; model.epochs= or trainer.max_epochs= say otherwise", epochs=options.epochs)
    plan = replace(plan, epochs=options.epochs, why=[why])
    minutes = min(inf if options.minutes is None else options.minutes, context.budget.remaining() / 60)
    plan = limited(plan, context, paces, min(len(pairs["validation"]), VALIDATED))
    return plan_by_rows(plan, minutes * 60 * paces[attention]) if minutes < inf and options.adapter == "adalora" else plan
