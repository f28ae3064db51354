"""Text -> prompt -> tokens, one after another -> summary. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Steps
from framework_text.generation.decoding import Decoding, Sampling, Source, decode, encode
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer

VERSION = 1
ODD_TEXTS = ("", " ", "a", "?!", "word " * 2000, "naïve café 😀 — “quoted”", "好的，谢谢", "line\nbreak\ttab\x00")


def as_text(value: str) -> str:
    """A text as it is; of sentences in a JSON list, as files hold them, the text they make."""
    return " ".join(sentence.strip() for sentence in references(value))


def references(value: str) -> list[str]:
    """The texts that a value holds: several where it is a JSON list of them."""
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            return [value]
        if isinstance(found, list) and found and all(isinstance(one, str) for one in found):
            return found
    return [value]


class SummarizationCodec:
    """settings: kind: decoder-only or encoder-decoder; max_text, max_summary: tokens; limit: of the tokens chosen, those
    that begin and end a summary by force among them; ends: tokens that end a summary; begin, prompt: tokens before and after
    the text; sampling: how tokens are chosen; opening: of an encoder-decoder model the token that starts its decoder, and
    those forced to be the first and, at the limit, the last.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.max_text: int = settings["max_text"]
        self.max_summary: int = settings["max_summary"]
        self.limit: int = settings["limit"]
        self.ends: set[int] = set(settings["ends"])
        self.begin, self.prompt = list(settings["begin"]), list(settings["prompt"])
        self.sampling = Sampling(**settings["sampling"])
        self.opening: Mapping[str, int | None] | None = settings["opening"] if settings["kind"] == "encoder-decoder" else None
        self.tokenizer = read_tokenizer(resources)

    def parse(self, request: Any) -> Request:
        return {"text": as_text(text_of(request))}

    def text_ids(self, request: Request) -> list[int]:
        """Tokens of the text, before it is cut."""
        ids: list[int] = self.tokenizer.encode(request["text"], add_special_tokens=False).ids
        return ids

    def prompt_ids(self, text_ids: list[int]) -> list[int]:
        return [*self.begin, *text_ids[: self.max_text], *self.prompt]

    def start(self, request: Request) -> Steps:
        ids = self.text_ids(request)
        found = yield from self._write(self.prompt_ids(ids))
        summary = self.tokenizer.decode(found.tokens, skip_special_tokens=True).strip()
        return {"summary": summary, "complete": found.stopped, "text_was_cut": len(ids) > self.max_text}

    def _write(self, prompt: list[int]) -> Decoding:
        if self.opening is None:
            return (yield from decode(prompt, self.limit, self.ends, self.sampling))
        start, first, last = (self.opening[name] for name in ("start", "first", "last"))
        assert start is not None
        source = Source((yield from encode(prompt)), first, last)
        return (yield from decode([start], self.limit, self.ends, self.sampling, source))

    def flatten(self, response: Response) -> dict[str, str]:
        flags = {key: str(response[key]).lower() for key in ("complete", "text_was_cut")}
        return {"summary": response["summary"], **flags}

    def interface(self) -> Interface:
        text = {"type": "string", "title": "Text", "description": "The text to summarize", "minLength": 1}
        properties = {
            "summary": {"type": "string"},
            "complete": {"type": "boolean", "description": f"It ended by itself, within {self.max_summary} tokens"},
            "text_was_cut": {"type": "boolean", "description": f"Only the first {self.max_text} tokens were read"},
        }
        return Interface(
            request={"anyOf": [{"type": "object", "properties": {"text": text}, "required": ["text"]}, text]},
            response={"type": "object", "properties": properties, "required": list(properties)},
            example={"text": "The committee met on Monday. After two hours it agreed on a new budget for the library."},
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": text} for text in ODD_TEXTS]
