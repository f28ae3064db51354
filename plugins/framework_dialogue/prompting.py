"""Prompts language models with conversations, and checks the prompts against transformers. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import date
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

import framework
from framework import Check, Reference, Request, Settings
from framework_dialogue import CODEC, Dialogue
from framework_dialogue.codec import DialogueCodec, response
from framework_dialogue.data import DialogueData
from framework_dialogue.settings import settings_of, window
from framework_dialogue.validation import task_problems
from framework_text.generation.pairs import Pair
from framework_text.generation.prompting import Example, Prompting
from framework_text.generation.streaming import Completion
from framework_text.generation.templates import Template, with_system_merged

LONG, JOINED = 3, 40  # number of long references, and of conversations concatenated for each, both at most


class DialoguePrompting(Prompting[Dialogue, DialogueData, DialogueCodec]):
    """See `Prompting`."""

    codec_name: ClassVar[str] = CODEC
    read_limit: ClassVar[tuple[str, str]] = (
        "max_context",
        framework.message("the oldest turns, or the beginning of a long one, are not read"),
    )
    written_limit: ClassVar[tuple[str, str]] = ("max_answer", framework.message("the end of the answer is not learned"))

    def problems(self, options: Dialogue) -> list[str]:
        return task_problems(options)

    def settings(self, tokenizer: Any, network: Any, options: Dialogue) -> dict[str, Any]:
        return settings_of(tokenizer, network, options)

    def window(self, settings: Settings, network: Any) -> tuple[int, int]:
        return window(settings, network)

    def codec(self, settings: Settings, resources: Path) -> DialogueCodec:
        return DialogueCodec(settings, resources)

    def examples(self, data: DialogueData, split: str) -> Sequence[Example]:
        return data.pairs(split)

    def pair(self, codec: DialogueCodec, example: Example) -> Pair:
        history, answer = example
        prompt = codec.prompt(history)
        cut = len(codec.written(answer)) > codec.max_answer
        return Pair(prompt.ids, codec.answer(answer), prompt.dropped + prompt.shortened > 0, cut)

    def text(self, example: Example) -> str:
        history, answer = example
        return "\n".join([*(message["content"] for message in history), answer])

    def checks(self, codec: DialogueCodec, settings: Settings, tokenizer: Any) -> tuple[Check, ...]:
        return (
            Check(
                framework.message("prompts equal transformers' chat template"),
                partial(other_prompts, tokenizer, settings, codec),
            ),
        )

    def references(self, codec: DialogueCodec, network: Any, requests: Sequence[Request]) -> list[Reference]:
        """Greedy answers to the first requests, and to conversations that fill the window."""
        from framework_text.generation.reference import PROMPTS, TOKENS, generated

        limit = min(TOKENS, codec.max_answer)
        greedy = {"max_tokens": limit, "temperature": 0.0, "repetition_penalty": 1.0}
        conversations = [*(_long(requests[turn:]) for turn in range(min(LONG, len(requests)))), *requests][:PROMPTS]
        prompts = [codec.prompt(request["messages"]) for request in conversations]
        answers = generated(network, [prompt.ids for prompt in prompts], limit + codec.forced_token_count, codec.end_ids)
        references: list[Reference] = []
        for request, prompt, (tokens, stopped) in zip(conversations, prompts, answers, strict=True):
            completion = Completion(codec.read(tokens).strip(), len(tokens), stopped)
            references.append(({"messages": request["messages"], **greedy}, response(completion, prompt)))
        return references

    def details(self, settings: Settings) -> Mapping[str, str]:
        plain = framework.message("User: ... Assistant: ..., as the tokenizer has none")
        template = framework.message("the tokenizer's own") if settings["own_template"] else plain
        return {framework.message("chat template"): template}


def _long(requests: Sequence[Request]) -> Request:
    """The messages of several conversations as one, with alternating roles, the user first and last."""
    contents = [
        message["content"] for request in requests[:JOINED] for message in request["messages"] if message["role"] != "system"
    ]
    roles = cycle(("user", "assistant"))
    odd = contents[: len(contents) - 1 + len(contents) % 2]
    return {"messages": [{"role": next(roles), "content": content} for content in odd]}


def other_prompts(reference: Any, settings: Settings, codec: DialogueCodec, requests: Sequence[Request]) -> list[int]:
    """Numbers of the requests whose prompt differs from transformers' for the same messages and template."""
    different = []
    if settings["date"] is not None:  # transformers renders the current date
        codec = copy(codec)
        codec.template = Template.of({**settings, "date": date.today().isoformat()})
    for row, request in enumerate(requests):
        messages = codec.instructed(request["messages"])
        merged = with_system_merged(messages) if settings["merges_system"] else messages
        text = reference.apply_chat_template(
            merged, chat_template=settings["template"], add_generation_prompt=True, tokenize=False
        )
        expected = reference(text + settings["prompt_suffix"], add_special_tokens=False, verbose=False)["input_ids"]
        prompt = codec.prompt(request["messages"])
        ids = [*codec.prefix_ids, *expected, *codec.suffix_ids]
        if not prompt.dropped and not prompt.shortened and prompt.ids != ids:
            different.append(row)
    return different
