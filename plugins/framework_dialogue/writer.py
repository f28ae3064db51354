"""The candidate that ships, a fine-tuned causal language model, and the same before it was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

from framework import Check, FitContext, Fitted, Reference, Request, Section
from framework_dialogue import Dialogue
from framework_dialogue.codec import DialogueCodec, response
from framework_dialogue.data import DialogueData
from framework_text.generation import fitting
from framework_text.generation.decoder import decoder_graph
from framework_text.generation.reference import PROMPTS, TOKENS, generated
from framework_text.generation.telling import Told
from framework_text.generation.templates import folded, frozen
from framework_text.tokenizer import presentable

LONG, JOINED = 3, 40  # references that fill the window, and conversations that one of them is made of


def fit(context: FitContext) -> Fitted:
    """Fine-tunes the backbone on every answer of every dialogue, each after what was said before it."""
    data: DialogueData = context.data
    tokenizer, network = fitting.load(context.model, context.options.max_context)
    settings = _settings(tokenizer, context.options)
    codec = fitting.codec_of(DialogueCodec, settings, tokenizer)
    pairs = {name: data.pairs(name) for name in ("train", "validation")}
    prompts = {name: [codec.prompt(history) for history, _ in pairs[name]] for name in pairs}
    splits = {
        name: fitting.Pairs([ids for ids, _ in prompts[name]], [codec.answer(answer) for _, answer in pairs[name]])
        for name in pairs
    }
    texts = ["\n".join([*(message["content"] for message in history), answer]) for history, answer in pairs["train"]]
    for row in presentable(texts)[:1]:
        context.show(fitting.example(tokenizer, splits["train"], row))
    context.show(_learned(sum(dropped > 0 for _, dropped in prompts["train"]), splits["train"], settings))
    fitted = fitting.fit(context, tokenizer, network, splits, _window(settings))
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
    tokenizer, network = fitting.load(context.model, context.options.max_context)
    settings = _settings(tokenizer, context.options)
    return Fitted(settings=settings, graphs=(decoder_graph(network, _window(settings)),))


def _settings(tokenizer: Any, options: Dialogue) -> dict[str, Any]:
    """The codec's: how a conversation becomes a prompt is frozen here."""
    template = frozen(tokenizer)
    ends = sorted({template["end"], tokenizer.eos_token_id} - {None})
    return {
        **template,
        "ends": ends,
        "max_context": options.max_context,
        "max_answer": options.max_answer,
        "system": options.system,
        "roles": dict(options.roles or {}),
        "sampling": {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "repetition_penalty": options.repetition_penalty,
        },
    }


def _window(settings: dict[str, Any]) -> int:
    return int(settings["max_context"] + settings["max_answer"] + 1)


def _learned(shorter: int, train: fitting.Pairs, settings: dict[str, Any]) -> Section:
    """shorter: rows whose oldest turns the window has no room for."""
    cut = sum(len(answer) > settings["max_answer"] for answer in train.answers)
    rows = [
        ("answers", f"{len(train.answers):,}", ""),
        ("without their oldest turns", f"{shorter:,}", f"task.max_context={settings['max_context']} tokens"),
        ("that fill the limit and may be cut", f"{cut:,}", f"task.max_answer={settings['max_answer']} tokens"),
    ]
    return Section("What is learned", ("", "rows", "set by"), rows)


def _references(network: Any, codec: DialogueCodec, requests: Sequence[Request]) -> list[Reference]:
    """What `generate` answers to the first rows and to conversations as long as the window, greedily."""
    limit = min(TOKENS, codec.max_answer)
    found: list[Reference] = []
    for request in [*(_long(requests[turn:]) for turn in range(LONG)), *requests][:PROMPTS]:
        ids, dropped = codec.prompt(request["messages"])
        tokens, stopped = generated(network, ids, limit, codec.ends)
        text = codec.read(tokens).strip()
        asked = {"messages": request["messages"], "max_tokens": limit, "temperature": 0.0, "repetition_penalty": 1.0}
        found.append((asked, response(Told(text, len(tokens), stopped), len(ids), dropped)))
    return found


def _long(requests: Sequence[Request]) -> Request:
    """Some conversations as one."""
    turns = [message for request in requests[:JOINED] for message in request["messages"] if message["role"] != "system"]
    alternating = [turns[0], *(now for before, now in pairwise(turns) if before["role"] != now["role"])]
    return {"messages": alternating}


def _other_prompts(reference: Any, settings: dict[str, Any], codec: DialogueCodec, requests: Sequence[Request]) -> list[int]:
    """Rows whose prompt is another than transformers makes of the same messages with the same template."""
    different = []
    for row, request in enumerate(requests):
        messages = request["messages"]
        if codec.system is not None and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": codec.system}, *messages]
        given = folded(messages) if settings["folds"] else messages
        expected = reference.apply_chat_template(
            given,
            chat_template=settings["template"],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            tokenizer_kwargs={"verbose": False},
        )
        ids, dropped = codec.prompt(request["messages"])
        if not dropped and len(expected) <= codec.max_context and ids != list(expected):
            different.append(row)
    return different
