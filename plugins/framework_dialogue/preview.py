"""What `check` says about dialogues, and about prompts and texts, beyond what every run says. No torch."""

from __future__ import annotations

from framework import Problem, Section
from framework_dialogue import Dialogue
from framework_dialogue.codec import DialogueCodec
from framework_dialogue.data import DialogueData
from framework_dialogue.settings import settings_of
from framework_text.generation.options import Writing
from framework_text.generation.preview import SAMPLE, Limit, Seen, preview, unconverted
from framework_text.generation.seq2seq_frame import described
from framework_text.generation.templates import Message


def inspect(data: DialogueData, options: Dialogue, model: Writing) -> tuple[list[Section], list[Problem]]:
    pairs = data.pairs("train")
    found = described(model, options.max_context)
    if found is None:
        return [unconverted(model.backbone.name)], []
    tokenizer, network = found
    codec = tokenizer.codec(DialogueCodec, settings_of(tokenizer, network, options))
    some = pairs[:SAMPLE]
    seen = [_seen(codec, *pair) for pair in some]
    prompts = Limit(f"task.max_context={options.max_context}", "the oldest turns, or the beginning of a long one, are not read")
    answers = Limit(f"task.max_answer={options.max_answer}", "the end of the answer is not learned")
    texts = ["\n".join([*(message["content"] for message in history), answer]) for history, answer in some]
    return preview(tokenizer.backend, seen, texts, len(pairs), prompts, answers)


def _seen(codec: DialogueCodec, history: list[Message], answer: str) -> Seen:
    prompt = codec.prompt(history)
    shortened = prompt.dropped + prompt.shortened > 0
    return Seen(prompt.ids, codec.answer(answer), shortened, len(codec.written(answer)) > codec.max_answer)
