"""What a summarizer must beat: the beginning of the text (Nenkova 2005)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from framework import FitContext, Fitted, Request, Response

SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")


def first_sentence(context: FitContext) -> Fitted:
    return _first(1)


def first_three_sentences(context: FitContext) -> Fitted:
    return _first(3)


def _first(count: int) -> Fitted:
    def predict(requests: Sequence[Request]) -> list[Response]:
        sentences = [[part for part in SENTENCE.split(request["text"].strip()) if part] for request in requests]
        return [
            {"summary": " ".join(found[:count]), "complete": True, "text_was_cut": False, "windows": 1} for found in sentences
        ]

    return Fitted(predict=predict)
