"""The candidate that ships, a fine-tuned language model, and the same before it was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import cycle
from typing import Any

from framework import Check, FitContext, Fitted, Reference, Request, Section
from framework_dialogue.codec import DialogueCodec, Prompt, response
from framework_dialogue.data import DialogueData
from framework_dialogue.settings import settings_of, window
from framework_text.generation import fitting
from framework_text.generation.reference import PROMPTS, TOKENS, generated
from framework_text.generation.streaming import Told
from framework_text.generation.templates import Template, folded
from framework_text.tokenizer import presentable

LONG, JOINED = 3, 40  # references that fill the window, and conversations that one of them is made of


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone on every answer of every dialogue, each after what was said before it."""
    data: DialogueData = context.data
    tokenizer, network = fitting.load(context.model, context.options.max_context, "task.max_context")
    settings = settings_of(tokenizer, network, context.options)
    sizes = window(settings, network)
    codec = fitting.codec_of(DialogueCodec, settings, tokenizer)
    pairs = {name: data.pairs(name) for name in ("train", "validation")}
    prompts = {name: [codec.prompt(history) for history, _ in pairs[name]] for name in pairs}
    splits = {
        name: fitting.Pairs([prompt.ids for prompt in prompts[name]], [codec.answer(answer) for _, answer in pairs[name]])
        for name in pairs
    }
    texts = ["\n".join([*(message["content"] for message in history), answer]) for history, answer in pairs["train"]]
    for row in presentable(texts)[:1]:
        context.show(fitting.example(tokenizer, splits["train"], row))
    context.show(_learned(prompts["train"], splits["train"], settings))
    fitted = fitting.fit(context, tokenizer, network, splits, *sizes)
    own = "the tokenizer's own" if settings["own"] else "User: ... Assistant: ..., as the tokenizer has none"
    return replace(
        fitted,
        settings=settings,
        references=partial(_references, network),
        checks=(Check("prompts equal transformers' chat template", partial(_other_prompts, tokenizer, settings)),),
        facts={**fitted.facts, "chat_template": own},
    )


def untuned(context: FitContext) -> Fitted:
    """The backbone as it came, prompted in the same way."""
    tokenizer, network = fitting.load(context.model, context.options.max_context, "task.max_context")
    settings = settings_of(tokenizer, network, context.options)
    return Fitted(settings=settings, graphs=fitting.graphs(network, *window(settings, network)))


def _learned(prompts: Sequence[Prompt], train: fitting.Pairs, settings: dict[str, Any]) -> Section:
    cut = sum(len(answer) - len(settings["before"]) > settings["max_answer"] for answer in train.answers)
    window = f"task.max_context={settings['max_context']} tokens"
    rows = [
        ("answers", f"{len(train.answers):,}", ""),
        ("without their oldest turns", f"{sum(prompt.dropped > 0 for prompt in prompts):,}", window),
        ("with a part of a message alone", f"{sum(prompt.shortened > 0 for prompt in prompts):,}", window),
        ("that fill the limit and may be cut", f"{cut:,}", f"task.max_answer={settings['max_answer']} tokens"),
    ]
    return Section("What is learned", ("", "rows", "set by"), rows)


def _references(network: Any, codec: DialogueCodec, requests: Sequence[Request]) -> list[Reference]:
    """What `generate` answers to the first rows and to conversations as long as the window, greedily."""
    limit = min(TOKENS, codec.max_answer)
    greedy = {"max_tokens": limit, "temperature": 0.0, "repetition_penalty": 1.0}
    conversations = [*(_long(requests[turn:]) for turn in range(LONG)), *requests][:PROMPTS]
    prompts = [codec.prompt(request["messages"]) for request in conversations]
    answers = generated(network, [prompt.ids for prompt in prompts], limit + codec.more, codec.ends)
    found: list[Reference] = []
    for request, prompt, (tokens, stopped) in zip(conversations, prompts, answers, strict=True):
        told = Told(codec.read(tokens).strip(), len(tokens), stopped)
        found.append(({"messages": request["messages"], **greedy}, response(told, prompt)))
    return found


def _long(requests: Sequence[Request]) -> Request:
    """What is said in some conversations as one, said in turn, the user first and last."""
    said = [
        message["content"] for request in requests[:JOINED] for message in request["messages"] if message["role"] != "system"
    ]
    roles = cycle(("user", "assistant"))
    return {"messages": [{"role": next(roles), "content": content} for content in said[: len(said) - 1 + len(said) % 2]]}


def _other_prompts(reference: Any, settings: dict[str, Any], codec: DialogueCodec, requests: Sequence[Request]) -> list[int]:
    """Rows whose prompt is another than transformers makes of the same messages with the same template."""
    different = []
    if settings["today"] is not None:  # transformers takes the day that it is
        codec = copy(codec)
        codec.template = Template.of({**settings, "today": date.today().isoformat()})
    for row, request in enumerate(requests):
        messages = request["messages"]
        if codec.system is not None and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": codec.system}, *messages]
        given = folded(messages) if settings["folds"] else messages
        text = reference.apply_chat_template(
            given, chat_template=settings["template"], add_generation_prompt=True, tokenize=False
        )
        expected = reference(text + settings["opens"], add_special_tokens=False, verbose=False)["input_ids"]
        prompt = codec.prompt(request["messages"])
        whole = [*codec.begin, *expected, *codec.behind]
        if not prompt.dropped and not prompt.shortened and prompt.ids != whole:
            different.append(row)
    return different
