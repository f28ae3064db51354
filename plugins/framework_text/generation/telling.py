"""Text out of tokens as they are chosen: pieces that later tokens cannot change, and sequences at which it ends. No torch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoded

UNFINISHED = "\ufffd"  # what tokenizers say of a character whose bytes are not all there


@dataclass(frozen=True)
class Told:
    """text: without spaces around it. tokens: chosen for it. stopped: by itself or a stop sequence; else by the limit."""

    text: str
    tokens: int
    stopped: bool


def tell(
    steps: Generator[Call | Event, Tensors, Decoded], tokenizer: Any, stops: Sequence[str] = ()
) -> Generator[Call | Event, Tensors, Told]:
    """Steps of a codec around those of `decode`: an event ``{"text": piece}`` in place of tokens; pieces make the text.

    tokenizer: of `tokenizers`. stops: the text ends before the first of them.
    """
    tokens: list[int] = []
    said, outputs = "", None
    while True:
        try:
            step = next(steps) if outputs is None else steps.send(outputs)
        except StopIteration as end:
            text, _ = _until(_text(tokenizer, end.value.tokens).strip(), stops)
            if text.startswith(said) and len(text) > len(said):
                yield Event({"text": text[len(said) :]})
            return Told(text, len(end.value.tokens), end.value.stopped)
        if isinstance(step, Call):
            outputs = yield step
            continue
        outputs = None
        tokens.append(step.data["token"])
        text, stopped = _until(_text(tokenizer, tokens), stops)
        certain = text.strip() if stopped else text[: len(text) - _doubtful(text, stops)].strip()
        if certain.startswith(said) and len(certain) > len(said):
            yield Event({"text": certain[len(said) :]})
            said = certain
        if stopped:
            steps.close()
            return Told(certain, len(tokens), stopped=True)


def _text(tokenizer: Any, tokens: Sequence[int]) -> str:
    text: str = tokenizer.decode(tokens, skip_special_tokens=True)
    return text.lstrip()


def _until(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _doubtful(text: str, stops: Sequence[str]) -> int:
    """Characters at the end that a later token may change or a stop sequence take away."""
    unfinished = len(text) - len(text.rstrip(UNFINISHED))
    begun = (size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
    return max(unfinished, *begun, 0) if stops else unfinished
