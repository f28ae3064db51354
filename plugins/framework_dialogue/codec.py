"""The codec of dialogue: renders a conversation as a prompt, and decodes the next answer token by token. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Scores, Settings, Steps
from framework_dialogue.chat import ChatCodec, chat_interface
from framework_dialogue.requests import ConversationRequest
from framework_text.generation.decoding import Sampling
from framework_text.generation.prompts import Answering
from framework_text.generation.streaming import Completion, reader, stream_text
from framework_text.generation.templates import Message, Template
from framework_text.tokenizer import read_tokenizer, token_ids

VERSION = 3
SHORT = {"max_tokens": 8, "temperature": 0}  # options of golden examples, which are replayed wherever the artifact is opened


@dataclass(frozen=True)
class Prompt:
    """A conversation in tokens, fitted into the context window."""

    ids: list[int]
    dropped: int
    """Number of the oldest messages, for which the window has no room."""
    shortened: int
    """Number of messages of which only a part is read."""


class DialogueCodec(ChatCodec, Scores):
    """Answers a conversation with a language model.

    settings: template, special_tokens, merges_system, prompt_suffix, date, answer_prefix, end_id: see `templates.frozen`;
    decoder_ids, prefix_ids, suffix_ids, answer_prefix_ids, forced_token_count: see `seq2seq_frame.frame_settings`; end_ids:
    tokens that end an answer; max_context, max_answer: limits in tokens; system: default system message; roles: further names
    of speakers in rows of files; sampling: the defaults of requests.
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
        parsed = super().parse(request)
        self.template.render(parsed["messages"])  # raises now what the template refuses
        return parsed

    def instructed(self, messages: list[Message]) -> list[Message]:
        """The messages, with the recipe's system message unless they have one."""
        if self.system is None or messages[0]["role"] == "system":
            return messages
        return [{"role": "system", "content": self.system}, *messages]

    def prompt(self, messages: list[Message]) -> Prompt:
        """The prompt for a conversation.

        Where it exceeds `max_context`, the oldest messages are dropped first, then the beginning of the last message, down to
        half a window, then the end of the system message, then the rest of both.
        """
        messages = self.instructed(messages)
        head, turns = (messages[:1], messages[1:]) if messages[0]["role"] == "system" else ([], messages)
        dropped = 0
        ids = self._ids([*head, *turns])
        while len(ids) > self.max_context and len(turns) > 1:
            count = 2 if len(turns) > 2 and turns[1]["role"] == "assistant" else 1
            turns, dropped = turns[count:], dropped + count
            ids = self._ids([*head, *turns])
        system, last = head[0]["content"] if head else "", turns[-1]["content"]
        original = (system, last)
        half = self.max_context // 2
        while len(ids) > self.max_context and (system or last):
            if not system or len(self.text_ids(last)) > half:
                last = last[self._excess(ids, last, half if system else 0) :]
            else:
                system = system[: -self._excess(ids, system, 0)]
            instructed = [{"role": "system", "content": system}] if system else []
            ids = self._ids([*instructed, {"role": turns[-1]["role"], "content": last}])
        inner = self.max_context - len(self.prefix_ids) - len(self.suffix_ids)
        ids = [*self.prefix_ids, *ids[len(self.prefix_ids) : len(ids) - len(self.suffix_ids)][-inner:], *self.suffix_ids]
        return Prompt(ids, dropped, sum(text != cut for text, cut in zip(original, (system, last), strict=True)))

    def _excess(self, ids: list[int], text: str, kept: int) -> int:
        """About how many characters of a text to cut for the prompt to fit, at least one, keeping `kept` of its tokens."""
        tokens = len(self.text_ids(text))
        return max(1, int(len(text) * min(len(ids) - self.max_context, tokens - kept) / max(1, tokens)))

    def _ids(self, messages: list[Message]) -> list[int]:
        return [*self.prefix_ids, *self.text_ids(self.template.render(messages)), *self.suffix_ids]

    def text_ids(self, text: str) -> list[int]:
        return token_ids(self.tokenizer, text, special=False)

    def written(self, text: str) -> list[int]:
        """Tokens of an answer, before truncation."""
        return self.text_ids(self.answer_prefix + text.strip())

    def answer(self, text: str) -> list[int]:
        """Tokens of an answer as in training: truncated, with the special tokens before and after."""
        return [*self.answer_prefix_ids, *self.written(text)[: self.max_answer], self.end_id]

    def start(self, request: Request) -> Steps:
        chat = ConversationRequest.of(request, self.sampling)
        prompt = self.prompt(chat.messages)
        room = self.max_answer + (self.max_context - len(prompt.ids) if self.answering.decoder_ids is None else 0)
        limit = min(chat.max_tokens or self.max_answer, room) + self.forced_token_count
        steps = self.answering.write(prompt.ids, limit, chat.sampling, self.read)
        completion = yield from stream_text(steps, self.read)
        return response(completion, prompt)

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """Scores the reference answer. nats: its negative log likelihood; answer_tokens: its number of tokens."""
        answer = self.answer(targets["answer"])
        prompt = self.prompt(ConversationRequest.of(request, self.sampling).messages)
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
    """The codec's response."""
    return {
        "content": completion.text,
        "finish_reason": "stop" if completion.stopped else "length",
        "prompt_tokens": len(prompt.ids),
        "completion_tokens": completion.tokens,
        "dropped_messages": prompt.dropped,
        "shortened_messages": prompt.shortened,
    }
