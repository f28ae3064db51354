"""Fits and opens the candidates `WriterCandidate` and `UntunedCandidate`, for any task."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from framework import (
    CodecSpec,
    FitContext,
    Fitted,
    Graph,
    ModelFacts,
    Section,
    Text,
    message,
    messages,
    read_fitted,
    write_fitted,
)
from framework_text import backbones
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.fitting import codec_of, fine_tune
from framework_text.generation.offline_tokenizer import described
from framework_text.generation.options import Untuned, Writing
from framework_text.generation.pairs import Pair
from framework_text.generation.preview import limits_section
from framework_text.generation.prompting import Prompting
from framework_text.generation.saved import load, read_address, save, write_address
from framework_text.generation.seq2seq import seq2seq_graphs
from framework_text.tokenizer import presentable, write_tokenizer

MODEL = "model"  # folder in the fitted folder with network and tokenizer, as transformers saves them
AnyPrompting = Prompting[Any, Any, Any]


def fit_writer(prompting: AnyPrompting, data: Any, context: FitContext[Any, Writing]) -> None:
    """Fine-tunes the backbone on every answer of the training rows, and fills ``context.output``."""
    torch.manual_seed(context.seed)
    task, reading, writing = context.task, prompting.reading(context.task), prompting.writing(context.task)
    tokenizer, network = load(backbones.fetch(context.options.backbone.chosen), reading.tokens, f"{reading.key}=")
    settings = prompting.settings(tokenizer, network, task)
    window, _ = prompting.window(settings, network)
    codec = codec_of(prompting.codec, settings, tokenizer)
    examples = {split: prompting.examples(data, split) for split in ("train", "validation")}
    pairs = {split: [prompting.pair(codec, example) for example in examples[split]] for split in examples}
    for row in presentable([prompting.text(example) for example in examples["train"]])[:1]:
        context.show(_as_seen(tokenizer, pairs["train"][row]))
    context.show(limits_section(pairs["train"], reading, writing))
    tuned, facts = fine_tune(context, network, pairs, tokenizer.pad_token_id or 0)
    details = {**facts.details, "window": window, **prompting.details(settings)}
    resources = write_fitted(context.output, CodecSpec(prompting.codec_name, settings), replace(facts, details=details))
    write_tokenizer(tokenizer, None, resources)
    save(tuned, tokenizer, context.output / MODEL)


def open_writer(prompting: AnyPrompting, folder: Path) -> Fitted:
    """Opens the folder that `fit_writer` filled."""
    tokenizer, network = load(folder / MODEL)
    return _opened(prompting, folder, tokenizer, network, partial(shutil.copytree, folder / MODEL, dirs_exist_ok=True))


def fit_untuned(prompting: AnyPrompting, context: FitContext[Any, Untuned]) -> None:
    """Saves the backbone's address and the codec's settings in ``context.output``, without loading weights."""
    source, reading = context.options.backbone.chosen, prompting.reading(context.task)
    tokenizer = backbones.load_tokenizer(backbones.fetch(source), reading.tokens, f"{reading.key}=")
    description = described(context.options, reading.tokens, f"{reading.key}=")
    assert description is not None, "it has been fetched"
    settings = prompting.settings(tokenizer, description[1], context.task)
    window, _ = prompting.window(settings, description[1])
    facts = ModelFacts(source.name, source.stated_licence, details={message("window"): window, **prompting.details(settings)})
    resources = write_fitted(context.output, CodecSpec(prompting.codec_name, settings), facts)
    write_tokenizer(tokenizer, None, resources)
    write_address(source, context.output)


def open_untuned(prompting: AnyPrompting, folder: Path) -> Fitted:
    """Opens the folder that `fit_untuned` filled. Raises InputError where the backbone is missing or has other weights."""
    tokenizer, network = load(backbones.fetch(read_address(folder)))
    return _opened(prompting, folder, tokenizer, network, partial(save, network, tokenizer))


def _opened(prompting: AnyPrompting, folder: Path, tokenizer: Any, network: Any, save_into: Callable[[Path], Any]) -> Fitted:
    fitted = read_fitted(folder)
    settings = fitted.codec.settings
    codec = prompting.codec(settings, folder / "resources")
    return replace(
        fitted,
        graphs=graphs(network, *prompting.window(settings, network)),
        checks=prompting.checks(codec, settings, tokenizer),
        references=partial(prompting.references, codec, network) if prompting.refers(codec) else None,
        save=save_into,
    )


def graphs(network: Any, window: int, answer: int) -> tuple[Graph, ...]:
    """The graphs of a network. window, answer: in tokens, as `Prompting.window` returns them."""
    return seq2seq_graphs(network, window, answer) if network.config.is_encoder_decoder else (decoder_graph(network, window),)


def _as_seen(tokenizer: Any, pair: Pair) -> Section:
    """A training row as the model sees it."""
    rows = [
        (message("prompt, not learned"), Text(tokenizer.decode(pair.prompt))),
        (message("answer, learned"), Text(tokenizer.decode(pair.answer))),
    ]
    return Section(message("A training row as the model sees it"), messages("part", "tokens, decoded"), rows)
