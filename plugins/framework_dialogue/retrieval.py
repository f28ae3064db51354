"""The retrieval baseline: answers with the answer to the most similar training conversation. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framework import (
    CodecSpec,
    Event,
    FitContext,
    Interface,
    ModelFacts,
    NoOptions,
    Request,
    Section,
    Settings,
    Steps,
    message,
    write_fitted,
)
from framework_dialogue import RETRIEVAL, RETRIEVAL_CODEC, Dialogue
from framework_dialogue.chat import ChatCodec, chat_interface
from framework_dialogue.data import DialogueData
from framework_dialogue.index import NgramIndex
from framework_text.generation.overlap import WORD
from framework_text.generation.templates import Message

COMPARED = 2  # messages at the end of a conversation that are compared, at most
ROWS = 100_000  # training answers at most, drawn at random: with more, a request takes over a tenth of a second
ANSWERS = "answers.json"
TOKENS = "Words: nothing is read or written in tokens"


def fit(data: DialogueData, context: FitContext[Dialogue, NoOptions]) -> None:
    """Saves the training answers, and an index of the messages before each."""
    pairs = data.pairs("train")
    if len(pairs) > ROWS:
        chosen = np.sort(np.random.default_rng(context.seed).permutation(len(pairs))[:ROWS])
        pairs = [pairs[row] for row in chosen.tolist()]
    index = NgramIndex.of([compared(history) for history, _ in pairs])
    spec = CodecSpec(RETRIEVAL_CODEC, {"roles": dict(context.task.roles or {})})
    resources = write_fitted(context.output, spec, ModelFacts(rows=len(pairs)))
    index.save(resources)
    (resources / ANSWERS).write_text(json.dumps([answer for _, answer in pairs], ensure_ascii=False), encoding="utf-8")
    if RETRIEVAL in context.competing:
        context.show(_verbatim(len(pairs)))


def _verbatim(count: int) -> Section:
    note = message(
        "Its artifact would hold {count:,} answers of the training rows, word for word, and answer with them and no others; "
        "candidates=[writer] keeps it from competing.",
        count=count,
    )
    return Section(message("Answers word for word"), note=note)


def compared(messages: Sequence[Message]) -> str:
    """The part of a conversation that is compared: its last messages."""
    return "\n".join(message["content"] for message in messages[-COMPARED:])


class RetrievalCodec(ChatCodec):
    """Answers with the answer to the most similar training conversation.

    It accepts the same options of requests as writers. `max_tokens` counts words and `stop` cuts the answer; the others have no
    effect, as nothing is drawn.

    settings: roles, further names of speakers in rows of files. resources: a saved `NgramIndex`, and the answers as JSON.
    """

    version = 1

    def __init__(self, settings: Settings, resources: Path) -> None:
        super().__init__(settings["roles"])
        self.index = NgramIndex.load(resources)
        self.answers: list[str] = json.loads((resources / ANSWERS).read_text(encoding="utf-8"))

    def start(self, request: Request) -> Steps:
        messages = request["messages"]
        question = compared(messages)
        answer = self.answers[self.index.nearest(question, len(self.answers))]
        text, ended = cut(answer, request.get("max_tokens"), request.get("stop", ()))
        yield Event({"text": text})
        return {
            "content": text,
            "finish_reason": "stop" if ended else "length",
            "prompt_tokens": len(WORD.findall(question)),
            "completion_tokens": len(WORD.findall(text)),
            "dropped_messages": max(0, len(messages) - COMPARED),
            "shortened_messages": 0,
        }

    def interface(self) -> Interface:
        return chat_interface(f"the last {COMPARED}, which are compared with what was said in training", TOKENS)


def cut(text: str, words: int | None, stops: Sequence[str]) -> tuple[str, bool]:
    """The text up to the first stop text, with at most `words` words; and False where `words` cut the text, else True.

    words: None: any number.
    """
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    text = text[: min(places)].strip() if places else text
    ends = [match.end() for match in WORD.finditer(text)]
    if words is None or len(ends) <= words:
        return text, True
    return text[: ends[words - 1]], False
