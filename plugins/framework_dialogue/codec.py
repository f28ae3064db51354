"""A conversation -> prompt -> tokens, one after another -> the next answer. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Steps
from framework_dialogue.requests import OPTIONS, Asked, parsed
from framework_text.generation.answering import Answering
from framework_text.generation.decoding import Sampling
from framework_text.generation.telling import Told, reader, tell
from framework_text.generation.templates import Message, Template
from framework_text.tokenizer import read_tokenizer, token_ids

VERSION = 1
SHORT = {"max_tokens": 8, "temperature": 0}  # for examples that are answered again wherever the artifact is opened
ODD_TEXTS = ("a", "?!", "word " * 700, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


class DialogueCodec:
    """settings: template, specials, folds, lead, end: see `templates.frozen`; ends: tokens that end an answer; max_context,
    max_answer: tokens; system: what every conversation begins with; roles: more names of speakers in rows of files; sampling:
    unless a request says otherwise; opening, begin, behind, before, more: see `sources.framed`, left out of a decoder alone.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.template = Template(settings["template"], settings["specials"], settings["folds"])
        self.lead: str = settings["lead"]
        self.end: int = settings["end"]
        self.ends: set[int] = set(settings["ends"])
        self.max_context: int = settings["max_context"]
        self.max_answer: int = settings["max_answer"]
        self.roles: Mapping[str, str] = settings["roles"]
        self.system: str | None = settings["system"]
        self.sampling = Sampling(**settings["sampling"])
        self.answering = Answering(frozenset(self.ends), settings.get("opening"))
        self.begin, self.behind, self.before = (list(settings.get(name, ())) for name in ("begin", "behind", "before"))
        self.more: int = settings.get("more", 0)
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)

    def parse(self, request: Any) -> Request:
        asked = parsed(request, self.roles)
        self.template.render(asked["messages"])  # what it refuses is said now
        return asked

    def prompt(self, messages: list[Message]) -> tuple[list[int], int]:
        """Tokens, and how many of the oldest messages the window has no room for; of one too long itself the end is read."""
        if self.system is not None and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system}, *messages]
        head, turns = (messages[:1], messages[1:]) if messages[0]["role"] == "system" else ([], messages)
        dropped = int(len(turns) > 1 and turns[0]["role"] == "assistant")  # many templates take only who asks first
        turns = turns[dropped:]
        ids = self._ids([*head, *turns])
        while len(ids) > self.max_context and len(turns) > 1:
            leaving = 2 if len(turns) > 2 and turns[1]["role"] == "assistant" else 1
            turns, dropped = turns[leaving:], dropped + leaving
            ids = self._ids([*head, *turns])
        last = turns[-1]["content"]
        while len(ids) > self.max_context and last:
            last = last[max(1, int(len(last) * (1 - self.max_context / len(ids)))) :]
            ids = self._ids([*head, *turns[:-1], {"role": turns[-1]["role"], "content": last}])
        inner = self.max_context - len(self.begin) - len(self.behind)
        return [*self.begin, *ids[len(self.begin) : len(ids) - len(self.behind)][-inner:], *self.behind], dropped

    def _ids(self, messages: list[Message]) -> list[int]:
        return [*self.begin, *self.text_ids(self.template.render(messages)), *self.behind]

    def text_ids(self, text: str) -> list[int]:
        return token_ids(self.tokenizer, text, special=False)

    def written(self, text: str) -> list[int]:
        """Tokens of an answer, before it is cut."""
        return self.text_ids(self.lead + text.strip())

    def answer(self, text: str) -> list[int]:
        """Tokens of an answer as they are learned, with those that begin it and the one that ends it."""
        return [*self.before, *self.written(text)[: self.max_answer], self.end]

    def start(self, request: Request) -> Steps:
        asked = Asked.of(request, self.sampling)
        ids, dropped = self.prompt(asked.messages)
        room = self.max_answer + (self.max_context - len(ids) if self.answering.opening is None else 0)
        limit = min(asked.max_tokens or self.max_answer, room) + self.more
        told = yield from tell(self.answering.write(ids, limit, asked.sampling, self.read), self.read)
        return response(told, len(ids), dropped)

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the answer that the row holds; answer_tokens: in how many tokens."""
        answer = self.answer(targets["answer"])
        ids, _ = self.prompt(Asked.of(request, self.sampling).messages)
        nats = yield from self.answering.likelihood(ids, answer)
        return {"nats": nats, "answer_tokens": len(answer)}

    def flatten(self, response: Response) -> dict[str, str]:
        return {key: str(response[key]) for key in ("content", "finish_reason", "dropped_messages")}

    def interface(self) -> Interface:
        text = {"type": "string", "title": "Message", "description": "The first of a conversation", "minLength": 1}
        message = {
            "type": "object",
            "required": ["role", "content"],
            "properties": {
                "role": {"type": "string", "enum": ["system", "user", "assistant"]},
                "content": {"type": "string", "minLength": 1},
            },
        }
        messages = {
            "type": "array",
            "items": message,
            "minItems": 1,
            "title": "Messages",
            "description": "The last is the user's",
        }
        whole = {"type": "object", "required": ["messages"], "properties": {"messages": messages, **OPTIONS}}
        count = {"type": "integer", "minimum": 0}
        properties = {
            "content": {"type": "string"},
            "finish_reason": {"type": "string", "enum": ["stop", "length"]},
            "prompt_tokens": count,
            "completion_tokens": count,
            "dropped_messages": {**count, "description": f"The oldest, beyond the {self.max_context} tokens that are read"},
        }
        return Interface(
            request={"anyOf": [whole, text]},
            response={"type": "object", "required": list(properties), "properties": properties},
            example={"messages": [{"role": "user", "content": "Hello, can you help me?"}]},
            chat=True,
            brief=SHORT,
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        alone = [{"messages": [{"role": "user", "content": text}]} for text in ODD_TEXTS]
        turns = [{"role": ("user", "assistant")[turn % 2], "content": f"word {turn} " * 40} for turn in range(21)]
        return [*alone, {"messages": turns, "max_tokens": 2}]


def response(told: Told, prompt_tokens: int, dropped: int) -> Response:
    return {
        "content": told.text,
        "finish_reason": "stop" if told.stopped else "length",
        "prompt_tokens": prompt_tokens,
        "completion_tokens": told.tokens,
        "dropped_messages": dropped,
    }
