"""Fine-tunes a causal language model or an encoder-decoder model on prompts and answers, and makes its graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from transformers import AutoConfig

from framework import FitContext, Fitted, Graph, LengthBucketSampler, Metric, Section, Text, train
from framework_text import backbones
from framework_text.attention import fastest_attention
from framework_text.generation.adapters import adapted
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.module import Writer, WriterBatches
from framework_text.generation.options import Writing
from framework_text.generation.rows import Collate, PromptedRows, runs, tokens_taken
from framework_text.generation.seq2seq import seq2seq_graphs
from framework_text.throughput import learning_pace
from framework_text.tokenizer import write_tokenizer
from framework_text.training_plan import Plan, counted, decided, keep, kept, repetition, within

C = TypeVar("C")
TIMED = 6  # batches from which the speed of learning is measured
VALIDATED = 200  # validation rows at random whose loss says after each epoch whether to go on


@dataclass(frozen=True)
class Pairs:
    """Prompts and answers of a split, in tokens; an answer ends with the token that ends it."""

    prompts: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]

    def rows(self, count: int | None = None, seed: int = 0) -> PromptedRows:
        """All of them in their order, or at random as many."""
        places = range(len(self.prompts))
        if count is not None and count < len(self.prompts):
            places = np.sort(np.random.default_rng(seed).permutation(len(self.prompts))[:count]).tolist()
        return PromptedRows([self.prompts[i] for i in places], [self.answers[i] for i in places])


def load(model: Writing, window: int, said: str) -> tuple[Any, Any]:
    """The backbone's tokenizer and the backbone. said: the key of the recipe that says how many tokens are read."""
    folder = backbones.fetch(model.backbone)
    kind = "Seq2Seq" if AutoConfig.from_pretrained(folder).is_encoder_decoder else "Causal"
    return backbones.load_tokenizer(folder, window, f"{said}="), backbones.load_model(f"AutoModelFor{kind}LM", folder)


def codec_of(codec: Callable[[Mapping[str, Any], Path], C], settings: Mapping[str, Any], tokenizer: Any) -> C:
    """A codec as the artifact will have it: what is learned is tokenized by what answers."""
    with TemporaryDirectory() as folder:
        write_tokenizer(tokenizer, None, Path(folder))
        return codec(settings, Path(folder))


def padding(rows: PromptedRows, batch_size: int, seed: int, *, apart: bool, split: bool = True) -> float:
    """The share of the first epoch's tokens that is padding. apart: of encoder-decoder models. split: batches into `runs`."""
    sizes, taken = rows.sizes(apart=apart), 0
    for batch in LengthBucketSampler(rows.lengths, batch_size, shuffle=True, seed=seed):
        some = sizes[batch]
        taken += sum(tokens_taken(some, group) for group in (runs(some) if split else [range(len(some))]))
    return 1 - float(sizes.sum()) / taken


def graphs(network: Any, window: int, answer: int = 0) -> tuple[Graph, ...]:
    """window: tokens of a prompt and its answer; for encoder-decoder models of a prompt alone, and `answer` of an answer."""
    return seq2seq_graphs(network, window, answer) if network.config.is_encoder_decoder else (decoder_graph(network, window),)


def fit(context: FitContext, tokenizer: Any, network: Any, splits: Mapping[str, Pairs], window: int, answer: int = 0) -> Fitted:
    """The graphs of the fine-tuned model; its codec needs settings of its own. window, answer: as `graphs` takes them."""
    started = time.perf_counter()
    options: Writing = context.model
    model = adapted(network, options)
    if options.checkpointing:
        recomputing(network)
    writer = Writer(model, options)
    collate = Collate(tokenizer.pad_token_id or 0, apart=network.config.is_encoder_decoder)
    plan = kept(context) or keep(_plan(context, writer, network, splits, collate), context.folder)
    context.show(plan.section())
    network.set_attn_implementation(plan.attention)
    learned, judged = splits["train"].rows(plan.rows, context.seed), splits["validation"].rows(VALIDATED, context.seed)
    loader = WriterBatches(learned, judged, collate, options.batch_size, context.seed)
    by_loss = Metric("loss", maximize=False)  # writing in every epoch would take longer than learning
    judged_by_loss = replace(context, metric=by_loss, trainer=plan.trainer(context.trainer))
    schedule = plan.schedule(context, time.perf_counter() - started)
    training = train(writer, loader, judged_by_loss, patience=options.patience, schedule=schedule)
    context.show(repetition(plan, context.folder, training))
    if options.checkpointing:
        network.disable_input_require_grads()
    trained = sum(weights.numel() for weights in writer.parameters() if weights.requires_grad)
    ranks = dict(zip(("ranks_left", "ranks_begun"), writer.ranks.left(), strict=True)) if writer.ranks else {}
    merged = network if options.adapter == "none" else model.merge_and_unload()
    source, alone = options.backbone, training["devices"].startswith("1 x ")
    return Fitted(
        graphs=graphs(merged, window, answer),
        write_resources=partial(write_tokenizer, tokenizer, None),
        save=partial(_save, merged, tokenizer),
        facts={
            "backbone": source.name,
            "licence": source.licence or "not stated (model.licence= records it)",
            "parameters": sum(weights.numel() for weights in merged.parameters()),
            "adapter": options.adapter,
            "trained_parameters": trained,
            **ranks,
            "rows": plan.rows,
            "padding": round(padding(learned, options.batch_size, context.seed, apart=collate.apart, split=alone), 4),
            "window": window,
            "attention": plan.attention,
            **training,
        },
    )


def recomputing(network: Any) -> None:
    """Activations of a layer are computed again when its gradients are wanted; also where the layer's own weights are fixed."""
    name = "activation_checkpointing_enable"
    enable = getattr(network, name) if hasattr(network, name) else network.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _plan(context: FitContext, writer: Writer, network: Any, splits: Mapping[str, Pairs], collate: Collate) -> Plan:
    """From rows and the time stated; how fast rows are learned is measured on some of them.

    AdaLoRA gives out ranks by steps, so that they are counted beforehand, and time ends none of them.
    """
    options, rows = writer.options, len(splits["train"].prompts)
    rows = min(rows, options.rows or rows)
    batch, rate = options.batch_size, options.learning_rate
    sample = splits["train"].rows()
    attention, paces = fastest_attention(
        network, options.attention, lambda: learning_pace(writer, sample, batch, collate, context, TIMED)
    )
    plan = Plan(rows, None, batch, rate, [], attention)
    if decided(context.trainer):
        return plan
    why = [f"at most {options.epochs} epochs; model.epochs= or trainer.max_epochs= say otherwise"]
    plan = replace(plan, epochs=options.epochs, why=why)
    if options.minutes is None:
        return plan
    validated = min(len(splits["validation"].prompts), VALIDATED)
    timed = within(plan, options.minutes, paces, validated)
    return counted(timed, options.minutes * 60 * paces[attention]) if options.adapter == "adalora" else timed


def example(tokenizer: Any, train: Pairs, row: int) -> Section:
    """A training row as the model sees it; one without personal data, which tokens would hide from masking."""
    prompt, answer = tokenizer.decode(train.prompts[row]), tokenizer.decode(train.answers[row])
    rows = [("prompt, not learned", Text(prompt)), ("answer, learned", Text(answer))]
    return Section("A training row as the model sees it", ("part", "tokens, decoded"), rows)


def _save(network: Any, tokenizer: Any, folder: Path) -> None:
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
