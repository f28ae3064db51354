"""Fine-tunes a causal language model or an encoder-decoder model on prompts and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from framework_text.generation.rows import Collate, PromptedRows, runs, tokens_taken
from framework_text.generation.saved import licence_of
from framework_text.throughput import learning_pace
from framework_text.tokenizer import write_tokenizer
from framework_text.training_plan import Plan, counted, decided, load_plan, repetition, save_plan, within

C = TypeVar("C")
Context = FitContext[Any, Writing]
TIMED = 6  # batches from which the speed of learning is measured
VALIDATED = 200  # validation rows at random whose loss says after each epoch whether to go on


def codec_of(codec: Callable[[Settings, Path], C], settings: Settings, tokenizer: Any) -> C:
    """A codec as the artifact will have it: what is learned is tokenized by what answers."""
    with TemporaryDirectory() as folder:
        write_tokenizer(tokenizer, None, Path(folder))
        return codec(settings, Path(folder))


def prompted_rows(pairs: Sequence[Pair], count: int | None = None, seed: int = 0) -> PromptedRows:
    """All of them in their order, or at random as many."""
    places = range(len(pairs))
    if count is not None and count < len(pairs):
        places = np.sort(np.random.default_rng(seed).permutation(len(pairs))[:count]).tolist()
    return PromptedRows([pairs[i].prompt for i in places], [pairs[i].answer for i in places])


def padding(rows: PromptedRows, batch_size: int, seed: int, *, apart: bool, split: bool = True) -> float:
    """The share of the first epoch's tokens that is padding. apart: of encoder-decoder models. split: batches into `runs`."""
    sizes, taken = rows.sizes(apart=apart), 0
    for batch in LengthBucketSampler(rows.lengths, batch_size, shuffle=True, seed=seed):
        of_batch = sizes[batch]
        taken += sum(tokens_taken(of_batch, group) for group in (runs(of_batch) if split else [range(len(of_batch))]))
    return 1 - float(sizes.sum()) / taken


def fine_tune(context: Context, network: Any, pairs: Mapping[str, Sequence[Pair]], pad: int) -> tuple[Any, ModelFacts]:
    """The network with what was learned merged into it, and facts of it. pairs: of the splits train and validation."""
    started = time.perf_counter()
    options = context.options
    model = adapted(network, options)
    if options.checkpointing:
        recomputing(network)
    writer = Writer(model, options)
    collate = Collate(pad, apart=network.config.is_encoder_decoder)
    plan = load_plan(context) or save_plan(_plan(context, writer, network, pairs, collate), context.folder)
    context.show(plan.section())
    network.set_attn_implementation(plan.attention)
    learned = prompted_rows(pairs["train"], plan.rows, context.seed)
    judged = prompted_rows(pairs["validation"], VALIDATED, context.seed)
    loader = WriterBatches(learned, judged, collate, options.batch_size, context.seed)
    training = _train(writer, loader, context, plan, started)
    if options.checkpointing:
        network.disable_input_require_grads()
    split = training.devices == 1  # where there are several, batches are run whole
    share = padding(learned, options.batch_size, context.seed, apart=collate.apart, split=split)
    learning = _learning(writer, options) | {"padding": round(share, 4), "attention": plan.attention}
    merged = network if options.adapter == "none" else model.merge_and_unload()
    source = options.backbone.chosen
    parameters = sum(weights.numel() for weights in merged.parameters())
    return merged, ModelFacts(source.name, licence_of(source), parameters, plan.rows, training, learning)


def _train(writer: Writer, loader: WriterBatches, context: Context, plan: Plan, started: float) -> TrainingFacts:
    """started: when the fit began, by the clock of `time.perf_counter`."""
    by_loss = Metric("loss", maximize=False)  # writing in every epoch would take longer than learning
    judged_by_loss = replace(context, metric=by_loss, trainer=plan.trainer(context.trainer))
    schedule = plan.schedule(context, time.perf_counter() - started)
    training = train(writer, loader, judged_by_loss, patience=context.options.patience, schedule=schedule)
    context.show(repetition(plan, context.folder, training))
    return training


def _learning(writer: Writer, options: Writing) -> dict[str, str | int | float]:
    """How it learned, before what was learned is merged."""
    ranks = dict(zip(("ranks left", "ranks begun"), writer.ranks.left(), strict=True)) if writer.ranks else {}
    trained = sum(weights.numel() for weights in writer.parameters() if weights.requires_grad)
    return {"adapter": options.adapter, "trained parameters": trained, **ranks}


def recomputing(network: Any) -> None:
    """Activations of a layer are computed again when its gradients are wanted; also where the layer's own weights are fixed."""
    name = "activation_checkpointing_enable"
    enable = getattr(network, name) if hasattr(network, name) else network.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _plan(context: Context, writer: Writer, network: Any, pairs: Mapping[str, Sequence[Pair]], collate: Collate) -> Plan:
    """From rows and the time stated; how fast rows are learned is measured on some of them.

    AdaLoRA gives out ranks by steps, so that they are counted beforehand, and time ends none of them.
    """
    options, rows = writer.options, len(pairs["train"])
    rows = min(rows, options.rows or rows)
    batch, rate = options.batch_size, options.learning_rate
    sample = prompted_rows(pairs["train"])
    attention, paces = fastest_attention(
        network, options.attention, lambda: learning_pace(writer, sample, batch, collate, context, TIMED)
    )
    plan = Plan(rows, None, batch, rate, [], attention)
    if decided(context.trainer):
        return plan
    why = message("at most {epochs} epochs; model.epochs= or trainer.max_epochs= say otherwise", epochs=options.epochs)
    plan = replace(plan, epochs=options.epochs, why=[why])
    if options.minutes is None:
        return plan
    validated = min(len(pairs["validation"]), VALIDATED)
    timed = within(plan, options.minutes, paces, validated)
    return counted(timed, options.minutes * 60 * paces[attention]) if options.adapter == "adalora" else timed
