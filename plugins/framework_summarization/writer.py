"""The candidate that ships, a fine-tuned language model, and the same before it was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from framework import Check, FitContext, Fitted, Reference, Request, Section
from framework_summarization import Summarization
from framework_summarization.codec import SummarizationCodec, response
from framework_summarization.data import SummarizationData
from framework_summarization.settings import settings_of, window
from framework_text.generation import fitting
from framework_text.generation.reference import PROMPTS, TOKENS, generated
from framework_text.tokenizer import presentable

LONG, JOINED = 3, 8  # references that fill the window, and texts that one of them is made of


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone on texts followed by their summaries."""
    data: SummarizationData = context.data
    options: Summarization = context.options
    tokenizer, network = fitting.load(context.model, options.max_text, "task.max_text")
    settings = settings_of(tokenizer, network, options)
    sizes = window(settings, network)
    texts = {name: data.pairs(table) for name, table in data.splits.named().items()}
    codec = fitting.codec_of(SummarizationCodec, settings, tokenizer)
    splits = {name: _pairs(codec, texts[name]) for name in ("train", "validation")}
    for row in presentable([f"{text}\n{summary}" for text, summary in texts["train"]])[:1]:
        context.show(fitting.example(tokenizer, splits["train"], row))
    context.show(_cut(splits["train"], settings))
    fitted = fitting.fit(context, tokenizer, network, splits, *sizes)
    same = Check("tokens equal transformers' tokenizer", partial(_other_tokens, tokenizer))
    return replace(
        fitted,
        settings=settings,
        checks=(same,),
        references=partial(_references, network) if codec.sampling.greedy else None,
    )


def untuned(context: FitContext) -> Fitted:
    """The backbone as it came, prompted in the same way."""
    tokenizer, network = fitting.load(context.model, context.options.max_text, "task.max_text")
    settings = settings_of(tokenizer, network, context.options)
    return Fitted(settings=settings, graphs=fitting.graphs(network, *window(settings, network)))


def _pairs(codec: SummarizationCodec, pairs: Sequence[tuple[str, str]]) -> fitting.Pairs:
    prompts = [codec.prompt_ids(codec.text_ids({"text": text})) for text, _ in pairs]
    return fitting.Pairs(prompts, [codec.answer(summary) for _, summary in pairs])


def _cut(train: fitting.Pairs, settings: dict[str, Any]) -> Section:
    around = len(settings["begin"]) + len(settings["prompt"])
    texts = sum(len(prompt) - around >= settings["max_text"] for prompt in train.prompts)
    forced = bool(settings["opening"]) and settings["opening"]["last"] is not None
    summaries = sum(len(answer) > settings["limit"] - forced for answer in train.answers)
    rows = [
        ("texts", f"{texts:,}", f"{settings['max_text']}", "task.max_text"),
        ("summaries", f"{summaries:,}", f"{settings['max_summary']}", "task.max_summary"),
    ]
    return Section("Training rows that fill the limit of tokens and may be cut", ("", "rows", "tokens", "set by"), rows)


def _references(network: Any, codec: SummarizationCodec, requests: Sequence[Request]) -> list[Reference]:
    """What `generate` writes of the first texts, and of some as long as the window."""
    limit = min(TOKENS, codec.limit)
    long = [{"text": " ".join(request["text"] for request in requests[turn : turn + JOINED])} for turn in range(LONG)]
    asked = [{"text": request["text"], "max_tokens": limit, "windows": 1} for request in [*long, *requests][:PROMPTS]]
    texts = [codec.text_ids(request) for request in asked]
    answers = generated(network, [codec.prompt_ids(ids) for ids in texts], limit, codec.ends)
    return [
        (request, response(codec.read(tokens).strip(), stopped, len(ids) > codec.max_text, 1))
        for request, ids, (tokens, stopped) in zip(asked, texts, answers, strict=True)
    ]


def _other_tokens(reference: Any, codec: SummarizationCodec, requests: Sequence[Request]) -> list[int]:
    texts = [request["text"] for request in requests]
    expected = reference(texts, add_special_tokens=False, verbose=False)["input_ids"]
    pairs = enumerate(zip(requests, expected, strict=True))
    return [row for row, (request, ids) in pairs if codec.text_ids(request) != list(ids)]
