"""A conversation -> prompt -> tokens, one after another -> the next answer. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Scores, Settings, Steps
from framework_dialogue.chat import ChatCodec, chat_interface
from framework_dialogue.requests import Asked
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.streaming import Completion, reader, stream_text
from framework_text.generation.templates import Message, Template
from framework_text.tokenizer import read_tokenizer, token_ids

VERSION = 3
SHORT = {"max_tokens": 8, "temperature": 0}  # for examples that are answered again wherever the artifact is opened


@dataclass(frozen=True)
class Prompt:
    """ids: tokens. dropped: the oldest messages, which the window has no room for. shortened: those of which a part is read."""

    ids: list[int]
    dropped: int
    shortened: int


class DialogueCodec(ChatCodec, Scores):
    """settings: template, special_tokens, merges_system, prompt_suffix, date, answer_prefix, end_id: see `templates.frozen`;
    decoder_ids, prefix_ids, suffix_ids, answer_prefix_ids, forced_token_count: see `seq2seq_frame.framed`; end_ids: tokens that
    end an answer; max_context, max_answer: tokens; system: what every conversation begins with; roles: more names of speakers
    in rows of files; sampling: unless a request says otherwise.
    """

    version = VERSION

    def __init__(self, settings: Settings, resources: Path) -> None:
        super().__init__(settings["roles"])
        self.template = Template.of(settings)
        self.answer_prefix: str = settings["answer_prefix"]
        self.end_id: int = settings["end_id"]
        self.end_ids: set[int] = set(settings["end_ids"])
        self.max_context: int = settings["max_context"]
        self.max_answer: int = settings["max_answer"]
        self.system: str | None = settings["system"]
        self.sampling = Sampling(**settings["sampling"])
        self.answering = Answering(frozenset(self.end_ids), settings["decoder_ids"])
        self.prefix_ids, self.suffix_ids = list(settings["prefix_ids"]), list(settings["suffix_ids"])
        self.answer_prefix_ids = list(settings["answer_prefix_ids"])
        self.forced_token_count: int = settings["forced_token_count"]
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)

    def parse(self, request: Any) -> Request:
        asked = super().parse(request)
        self.template.render(asked["messages"])  # what it refuses is said now
        return asked

    def instructed(self, messages: list[Message]) -> list[Message]:
        """With the recipe's system message, unless there is one."""
        if self.system is None or messages[0]["role"] == "system":
            return messages
        return [{"role": "system", "content": self.system}, *messages]

    def prompt(self, messages: list[Message]) -> Prompt:
        """Where the window is too small the oldest messages go first, then the beginning of the last, of which half a window
        stays, then the end of the system message, and then what is left of both.
        """
        messages = self.instructed(messages)
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
        inner = self.max_context - len(self.prefix_ids) - len(self.suffix_ids)
        ids = [*self.prefix_ids, *ids[len(self.prefix_ids) : len(ids) - len(self.suffix_ids)][-inner:], *self.suffix_ids]
        return Prompt(ids, dropped, sum(one != other for one, other in zip(whole, (system, said), strict=True)))

    def _excess(self, ids: list[int], text: str, kept: int) -> int:
        """About the characters of a text that must go for a prompt to fit, at least one, where `kept` of its tokens stay."""
        tokens = len(self.text_ids(text))
        return max(1, int(len(text) * min(len(ids) - self.max_context, tokens - kept) / max(1, tokens)))

    def _ids(self, messages: list[Message]) -> list[int]:
        return [*self.prefix_ids, *self.text_ids(self.template.render(messages)), *self.suffix_ids]

    def text_ids(self, text: str) -> list[int]:
        return token_ids(self.tokenizer, text, special=False)

    def written(self, text: str) -> list[int]:
        """Tokens of an answer, before it is cut."""
        return self.text_ids(self.answer_prefix + text.strip())

    def answer(self, text: str) -> list[int]:
        """Tokens of an answer as they are learned, with those that begin it and the one that ends it."""
        return [*self.answer_prefix_ids, *self.written(text)[: self.max_answer], self.end_id]

    def start(self, request: Request) -> Steps:
        asked = Asked.of(request, self.sampling)
        prompt = self.prompt(asked.messages)
        room = self.max_answer + (self.max_context - len(prompt.ids) if self.answering.decoder_ids is None else 0)
        limit = min(asked.max_tokens or self.max_answer, room) + self.forced_token_count
        steps = self.answering.write(prompt.ids, limit, asked.sampling, self.read)
        completion = yield from stream_text(steps, self.read)
        return response(completion, prompt)

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the answer that the row holds; answer_tokens: in how many tokens."""
        answer = self.answer(targets["answer"])
        prompt = self.prompt(Asked.of(request, self.sampling).messages)
        nats = yield from self.answering.likelihood(prompt.ids, answer)
        return {"nats": nats, "answer_tokens": len(answer)}

    def interface(self) -> Interface:
        return chat_interface(
            f"the {self.max_context} tokens that are read",
            golden_overrides=SHORT,
            deterministic_overrides={"seed": 0} if self.sampling.temperature else {},
            is_argmax=self.sampling.greedy,
        )


def response(completion: Completion, prompt: Prompt) -> Response:
    return {
        "content": completion.text,
        "finish_reason": "stop" if completion.stopped else "length",
        "prompt_tokens": len(prompt.ids),
        "completion_tokens": completion.tokens,
        "dropped_messages": prompt.dropped,
        "shortened_messages": prompt.shortened,
    }
