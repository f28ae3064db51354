"""Turns tokens into text as they are chosen, in pieces that later tokens cannot change. No torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoding, Reader

UNFINISHED = "\ufffd"  # decoded from an incomplete UTF-8 sequence


@dataclass(frozen=True)
class Completion:
    """A text that a model has written."""

    text: str
    """Without surrounding white space."""
    tokens: int
    """Number of tokens."""
    stopped: bool
    """Whether an end token or a stop text ended the text; otherwise the limit did."""


def reader(tokenizer: Any) -> Reader:
    """A function from tokens to text. tokenizer: of the library `tokenizers`."""

    def read(tokens: Sequence[int]) -> str:
        text: str = tokenizer.decode(tokens, skip_special_tokens=True)
        return text.lstrip()

    return read


def stream_text(steps: Decoding, read: Reader) -> Generator[Call | Event, Tensors, Completion]:
    """Wraps steps of `decode`: in place of events with tokens, events ``{"text": piece}``; all pieces together are the text.

    A beam search, which has no tokens until its end, yields empty pieces to show that it is running.
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
        final = read(tokens).rstrip(UNFINISHED).strip()
        if final.startswith(sent) and len(final) > len(sent):
            yield Event({"text": final[len(sent) :]})
            sent = final
