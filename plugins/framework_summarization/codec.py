"""Text -> prompt -> tokens, one after another -> summary. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import InputError, Interface, Request, Response, Steps
from framework_text.generation.answering import Answering
from framework_text.generation.decoding import Sampling
from framework_text.generation.telling import Told, reader, tell
from framework_text.requests import text_of
from framework_text.tokenizer import read_tokenizer

VERSION = 1
BRIEF = 8  # tokens of golden examples, which are answered wherever the artifact is opened
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
    the text; before, lead: tokens and text before a summary; sampling: how tokens are chosen; opening: see `Answering`.
    """

    version = VERSION

    def __init__(self, settings: Mapping[str, Any], resources: Path) -> None:
        self.max_text: int = settings["max_text"]
        self.max_summary: int = settings["max_summary"]
        self.limit: int = settings["limit"]
        self.ends: set[int] = set(settings["ends"])
        self.begin, self.prompt = list(settings["begin"]), list(settings["prompt"])
        self.sampling = Sampling(**settings["sampling"])
        self.before, self.lead = list(settings["before"]), settings["lead"]
        self.answering = Answering(frozenset(self.ends), settings["opening"])
        self.tokenizer = read_tokenizer(resources)
        self.read = reader(self.tokenizer)

    def parse(self, request: Any) -> Request:
        text = as_text(text_of(request))
        if not isinstance(request, Mapping) or "max_tokens" not in request:
            return {"text": text}
        most = request["max_tokens"]
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InputError(f"max_tokens={str(most)[:50]} must be an integer of at least 1")
        return {"text": text, "max_tokens": most}

    def text_ids(self, request: Request) -> list[int]:
        """Tokens of the text, before it is cut."""
        ids: list[int] = self.tokenizer.encode(request["text"], add_special_tokens=False).ids
        return ids

    def prompt_ids(self, text_ids: list[int]) -> list[int]:
        return [*self.begin, *text_ids[: self.max_text], *self.prompt]

    def start(self, request: Request) -> Steps:
        ids = self.text_ids(request)
        limit = min(request.get("max_tokens", self.limit), self.limit)
        writing = self.answering.write(self.prompt_ids(ids), limit, self.sampling, self.read)
        return self.response((yield from tell(writing, self.read)), len(ids))

    def response(self, told: Told, tokens: int) -> Response:
        """tokens: of the text."""
        return {"summary": told.text, "complete": told.stopped, "text_was_cut": tokens > self.max_text}

    def answer(self, summary: str) -> list[int]:
        """Tokens of a summary as they are learned, with those around it."""
        written = self.tokenizer.encode(f"{self.lead}{summary.strip()}", add_special_tokens=False).ids
        return [*self.before, *written[: self.max_summary], min(self.ends)]

    def score(self, request: Request, targets: Mapping[str, str]) -> Steps:
        """nats: of the first summary that the row holds; summary_tokens: in how many tokens."""
        answer = self.answer(references(targets["summary"])[0])
        nats = yield from self.answering.likelihood(self.prompt_ids(self.text_ids(request)), answer)
        return {"nats": nats, "summary_tokens": len(answer)}

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
        most = {"type": "integer", "minimum": 1, "description": f"Of the summary, {self.max_summary} where it is left out"}
        fields = {"text": text, "max_tokens": most}
        return Interface(
            request={"anyOf": [{"type": "object", "properties": fields, "required": ["text"]}, text]},
            response={"type": "object", "properties": properties, "required": list(properties)},
            example={"text": "The committee met on Monday. After two hours it agreed on a new budget for the library."},
            brief={"max_tokens": BRIEF},
        )

    @staticmethod
    def odd_requests() -> list[Request]:
        return [{"text": text} for text in ODD_TEXTS]
