"""The codec of the lead baselines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from framework import Interface, Request, Response, Settings, Steps
from framework_summarization.codec import ODD_TEXTS, TEXT, as_text, flat, interface, response
from framework_text.requests import text_of

SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")  # matches between two sentences


class LeadCodec:
    """Answers with the first sentences of a text. settings: ``sentences``, the number of sentences in an answer, at most."""

    version = 1

    def __init__(self, settings: Settings, resources: Path) -> None:
        self.sentences: int = settings["sentences"]

    def parse(self, request: Any) -> Request:
        return {"text": as_text(text_of(request))}

    def start(self, request: Request) -> Steps:
        yield from ()
        sentences = [sentence for sentence in SENTENCE.split(request["text"].strip()) if sentence]
        return response(" ".join(sentences[: self.sentences]), True, False, 1)

    def flatten(self, response: Response) -> dict[str, str]:
        return flat(response)

    def interface(self) -> Interface:
        return interface({"text": TEXT}, "Always", "It is read whole")

    @staticmethod
    def odd_requests() -> list[Request]:
        return [*({"text": text} for text in ODD_TEXTS), {"text": "word " * 2000}]
