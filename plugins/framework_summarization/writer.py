"""The candidate that ships, a fine-tuned causal language model, and the same before it was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from framework import Check, FitContext, Fitted, InputError, Request, Section
from framework_summarization import Summarization
from framework_summarization.codec import SummarizationCodec
from framework_summarization.data import SummarizationData
from framework_text.generation import fitting
from framework_text.generation.decoder import decoder_graph
from framework_text.tokenizer import presentable


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone on texts followed by their summaries."""
    data: SummarizationData = context.data
    options: Summarization = context.options
    tokenizer, network = fitting.load(context.model, options.max_text)
    settings = _settings(tokenizer, options)
    texts = {name: data.pairs(table) for name, table in data.splits.named().items()}
    splits = {name: _pairs(tokenizer, texts[name], settings) for name in ("train", "validation")}
    for row in presentable([f"{text}\n{summary}" for text, summary in texts["train"]])[:1]:
        context.show(fitting.example(tokenizer, splits["train"], row))
    context.show(_cut(splits["train"], settings))
    fitted = fitting.fit(context, tokenizer, network, splits, _window(settings))
    same = Check("tokens equal transformers' tokenizer", partial(_other_tokens, tokenizer))
    return replace(fitted, settings=settings, checks=(same,))


def untuned(context: FitContext) -> Fitted:
    """The backbone as it came, prompted in the same way."""
    tokenizer, network = fitting.load(context.model, context.options.max_text)
    settings = _settings(tokenizer, context.options)
    return Fitted(settings=settings, graphs=(decoder_graph(network, _window(settings)),))


def _settings(tokenizer: Any, options: Summarization) -> dict[str, Any]:
    """The codec's: how a text becomes a prompt is frozen here."""
    if tokenizer.eos_token_id is None:
        raise InputError("this backbone's tokenizer names no token that ends a text (eos_token), so no summary would end")
    return {
        "max_text": options.max_text,
        "max_summary": options.max_summary,
        "begin": [tokenizer.bos_token_id] if tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id else [],
        "prompt": tokenizer(options.prompt, add_special_tokens=False)["input_ids"],
        "ends": [tokenizer.eos_token_id],
    }


def _window(settings: dict[str, Any]) -> int:
    around = len(settings["begin"]) + len(settings["prompt"])
    return int(around + settings["max_text"] + settings["max_summary"] + 1)


def _pairs(tokenizer: Any, pairs: Sequence[tuple[str, str]], settings: dict[str, Any]) -> fitting.Pairs:
    prompts, answers = [], []
    for text, summary in pairs:
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][: settings["max_text"]]
        prompts.append([*settings["begin"], *ids, *settings["prompt"]])
        written = tokenizer(f" {summary.strip()}", add_special_tokens=False)["input_ids"][: settings["max_summary"]]
        answers.append([*written, settings["ends"][0]])
    return fitting.Pairs(prompts, answers)


def _cut(train: fitting.Pairs, settings: dict[str, Any]) -> Section:
    around = len(settings["begin"]) + len(settings["prompt"])
    texts = sum(len(prompt) - around >= settings["max_text"] for prompt in train.prompts)
    summaries = sum(len(answer) > settings["max_summary"] for answer in train.answers)
    rows = [
        ("texts", f"{texts:,}", f"{settings['max_text']}", "task.max_text"),
        ("summaries", f"{summaries:,}", f"{settings['max_summary']}", "task.max_summary"),
    ]
    return Section("Training rows that fill the limit of tokens and may be cut", ("", "rows", "tokens", "set by"), rows)


def _other_tokens(reference: Any, codec: SummarizationCodec, requests: Sequence[Request]) -> list[int]:
    texts = [request["text"] for request in requests]
    expected = reference(texts, add_special_tokens=False, verbose=False)["input_ids"]
    pairs = enumerate(zip(requests, expected, strict=True))
    return [row for row, (request, ids) in pairs if codec.text_ids(request) != list(ids)]
