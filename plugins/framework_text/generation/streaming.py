"""Text out of tokens as they are chosen, in pieces that later tokens cannot change. No torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoding, Reader

UNFINISHED = "\ufffd"  # what tokenizers say of a character whose bytes are not all there


@dataclass(frozen=True)
class Completion:
    """What a model has written."""

    text: str
    """Without white space around it."""
    tokens: int
    """How many were chosen for it."""
    stopped: bool
    """It ended by itself or at a stop text; else at the limit."""


def reader(tokenizer: Any) -> Reader:
    """How tokens of `tokenizers` are read."""

    def read(tokens: Sequence[int]) -> str:
        text: str = tokenizer.decode(tokens, skip_special_tokens=True)
        return text.lstrip()

    return read


def stream_text(steps: Decoding, read: Reader) -> Generator[Call | Event, Tensors, Completion]:
    """Steps of a codec around those of `decode`: an event ``{"text": piece}`` in place of tokens; pieces make the text.

    A search, which has no token yet, still shows that it goes on: by empty pieces.
    """
    tokens: list[int] = []
    sent, outputs = "", None
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            text = end.value.text.strip()
            if text.startswith(sent) and len(text) > len(sent):
                yield Event({"text": text[len(sent) :]})
            return Completion(text, len(end.value.tokens), end.value.stopped)
        if isinstance(step, Call):
            outputs = yield step
            continue
        outputs = None
        if "token" not in step.data:
            yield Event({"text": ""})
            continue
        tokens.append(step.data["token"])
        certain = read(tokens).rstrip(UNFINISHED).strip()
        if certain.startswith(sent) and len(certain) > len(sent):
            yield Event({"text": certain[len(sent) :]})
            sent = certain
