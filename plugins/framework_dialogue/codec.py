"""A conversation -> prompt -> tokens, one after another -> the next answer. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Steps
from framework_dialogue.requests import OPTIONS, Asked, parsed
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.streaming import Told, reader, tell
from framework_text.generation.templates import Message, Template
from framework_text.tokenizer import read_tokenizer, token_ids

VERSION = 2
SHORT = {"max_tokens": 8, "temperature": 0}  # for examples that are answered again wherever the artifact is opened
ODD_TEXTS = ("a", "?!", "word " * 700, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


@dataclass(frozen=True)
class Prompt:
    """ids: tokens. dropped: the oldest messages, which the window has no room for. shortened: those of which a part is read."""

    ids: list[int]
    dropped: int
    shortened: int


class DialogueCodec:
    """settings: template, specials, folds, opens, today, lead, end: see `templates.frozen`; ends: tokens that end an answer;
    max_context, max_answer: tokens; system: what every conversation begins with; roles: more names of speakers in rows of
    files; sampling: unless a request says otherwise; opening, begin, behind, before, more: see `sources.framed`.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.template = Template.of(settings)
        self.lead: str = settings["lead"]
        self.end: int = settings["end"]
        self.ends: set[int] = set(settings["ends"])
        self.max_context: int = settings["max_context"]
        self.max_answer: int = settings["max_answer"]
        self.roles: Mapping[str, str] = settings["roles"]
        self.system: str | None = settings["system"]
        self.sampling = Sampling(**settings["sampling"])
        self.answering = Answering(frozenset(self.ends), settings["opening"])
        self.begin, self.behind, self.before = (list(settings[name]) for name in ("begin", "behind", "before"))
        self.more: int = settings["more"]
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)

    def parse(self, request: Any) -> Request:
        asked = parsed(request, self.roles)
        self.template.render(asked["messages"])  # what it refuses is said now
        return asked

    def prompt(self, messages: list[Message]) -> Prompt:
        """Where the window is too small the oldest messages go first, then the beginning of the last, of which half a window
        stays, then the end of the system message, and then what is left of both.
        """
        if self.system is not None and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system}, *messages]
        head, turns = (messages[:1], messages[1:]) if messages[0]["role"] == "system" else ([], messages)
        dropped = 0
        ids = self._ids([*head, *turns])
        while len(ids) > self.max_context and len(turns) > 1:
            leaving = 2 if len(turns) > 2 and turns[1]["role"] == "assistant" else 1
            turns, dropped = turns[leaving:], dropped + leaving
            ids = self._ids([*head, *turns])
        system, said = head[0]["content"] if head else "", turns[-1]["content"]
        whole = (system, said)
        half = self.max_context // 2
        while len(ids) > self.max_context and (system or said):
            if not system or len(self.text_ids(said)) > half:
                said = said[self._excess(ids, said, half if system else 0) :]
            else:
                system = system[: -self._excess(ids, system, 0)]
            instructed = [{"role": "system", "content": system}] if system else []
            ids = self._ids([*instructed, {"role": turns[-1]["role"], "content": said}])
        inner = self.max_context - len(self.begin) - len(self.behind)
        ids = [*self.begin, *ids[len(self.begin) : len(ids) - len(self.behind)][-inner:], *self.behind]
        return Prompt(ids, dropped, sum(one != other for one, other in zip(whole, (system, said), strict=True)))

    def _excess(self, ids: list[int], text: str, kept: int) -> int:
        """About the characters of a text that must go for a prompt to fit, at least one, where `kept` of its tokens stay."""
        tokens = len(self.text_ids(text))
        return max(1, int(len(text) * min(len(ids) - self.max_context, tokens - kept) / max(1, tokens)))

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
        prompt = self.prompt(asked.messages)
        room = self.max_answer + (self.max_context - len(prompt.ids) if self.answering.opening is None else 0)
        limit = min(asked.max_tokens or self.max_answer, room) + self.more
        told = yield from tell(self.answering.write(prompt.ids, limit, asked.sampling, self.read), self.read)
        return response(told, prompt)

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the answer that the row holds; answer_tokens: in how many tokens."""
        answer = self.answer(targets["answer"])
        prompt = self.prompt(Asked.of(request, self.sampling).messages)
        nats = yield from self.answering.likelihood(prompt.ids, answer)
        return {"nats": nats, "answer_tokens": len(answer)}

    def flatten(self, response: Response) -> dict[str, str]:
        return {key: str(response[key]) for key in ("content", "finish_reason", "dropped_messages", "shortened_messages")}

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
            "shortened_messages": {**count, "description": "Of which only a part is read"},
        }
        return Interface(
            request={"anyOf": [whole, text]},
            response={"type": "object", "required": list(properties), "properties": properties},
            example={"messages": [{"role": "user", "content": "Hello, can you help me?"}]},
            chat=True,
            golden_overrides=SHORT,
            deterministic_overrides={"seed": 0} if self.sampling.temperature else {},
            is_argmax=self.sampling.greedy,
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        alone = [{"messages": [{"role": "user", "content": text}]} for text in ODD_TEXTS]
        instructed = [{"role": "system", "content": "word " * 700}, {"role": "user", "content": "hello " * 700}]
        turns = [{"role": ("user", "assistant")[turn % 2], "content": f"word {turn} " * 40} for turn in range(21)]
        return [*alone, {"messages": instructed, "max_tokens": 2}, {"messages": turns, "max_tokens": 2}]


def response(told: Told, prompt: Prompt) -> Response:
    return {
        "content": told.text,
        "finish_reason": "stop" if told.stopped else "length",
        "prompt_tokens": len(prompt.ids),
        "completion_tokens": told.tokens,
        "dropped_messages": prompt.dropped,
        "shortened_messages": prompt.shortened,
    }
