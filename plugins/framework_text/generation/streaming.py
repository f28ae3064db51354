"""Text out of tokens as they are chosen, in pieces that later tokens cannot change. No torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoding, Reader

UNFINISHED = "\ufffd"  # what tokenizers say of a character whose bytes are not all there


@dataclass(frozen=True)
class Told:
    """text: without spaces around it. tokens: chosen for it. stopped: by itself or a stop text; else by the limit."""

    text: str
    tokens: int
    stopped: bool


def reader(tokenizer: Any) -> Reader:
    """How tokens of `tokenizers` are read."""

    def read(tokens: Sequence[int]) -> str:
        text: str = tokenizer.decode(tokens, skip_special_tokens=True)
        return text.lstrip()

    return read


def tell(steps: Decoding, read: Reader) -> Generator[Call | Event, Tensors, Told]:
    """Steps of a codec around those of `decode`: an event ``{"text": piece}`` in place of tokens; pieces make the text.

    A search, which has no token yet, still shows that it goes on: by empty pieces.
    """
    tokens: list[int] = []
    said, outputs = "", None
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            text = end.value.text.strip()
            if text.startswith(said) and len(text) > len(said):
                yield Event({"text": text[len(said) :]})
            return Told(text, len(end.value.tokens), end.value.stopped)
        if isinstance(step, Call):
            outputs = yield step
            continue
        outputs = None
        if "token" not in step.data:
            yield Event({"text": ""})
            continue
        tokens.append(step.data["token"])
        certain = read(tokens).rstrip(UNFINISHED).strip()
        if certain.startswith(said) and len(certain) > len(said):
            yield Event({"text": certain[len(said) :]})
            said = certain
