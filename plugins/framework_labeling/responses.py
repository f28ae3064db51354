"""Requests of labeling as words, and tagged words as responses. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework import DrawnSpans, InputError, Interface, Request, Response, message
from framework_labeling.decoding import each_token, entities, scored_spans
from framework_labeling.schemes import BIO, OUTSIDE, Span, spans_of, split_tag
from framework_labeling.words import Offsets, join_words, split_words
from framework_text.requests import not_unicode, text_of

EXAMPLE = {"text": "Ada Lovelace met Charles Babbage in London."}


def parse(request: Any) -> Request:
    """The request ``{"text": ...}`` or, where it has no text, ``{"tokens": [...]}``. Raises InputError for any other."""
    if not isinstance(request, Mapping) or isinstance(request.get("text"), str) or "tokens" not in request:
        return {"text": text_of(request)}
    tokens = request["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise InputError("the tokens of a request are a list of texts, such as ['Anna', 'sleeps']")
    if any(map(not_unicode, tokens)):
        raise InputError("the tokens are not valid Unicode: they hold half of a surrogate pair")
    return {"tokens": tokens}


@dataclass(frozen=True)
class Words:
    """The words of a request."""

    tokens: list[str]
    text: str
    offsets: Offsets
    """Where each word stands in the text."""

    @classmethod
    def of(cls, request: Request) -> Words:
        """The words of a parsed request; where it has tokens in place of a text, they are joined by spaces."""
        if "tokens" in request:
            return cls(list(request["tokens"]), *join_words(request["tokens"]))
        tokens, offsets = split_words(request["text"])
        return cls(tokens, request["text"], offsets)


def answer(words: Words, tags: Sequence[str], confidence: Sequence[float], plain: bool) -> Response:
    """The response for words with these tags. confidence: (words,), of each tag. plain: every token has a tag of its own."""
    spans = each_token(tags, confidence) if plain else scored_spans(tags, confidence)
    return {"entities": entities(spans, words.text, words.offsets), "tokens": words.tokens, "tags": list(tags)}


def spans_over_tokens(response: Response, plain: bool) -> list[Span]:
    """The spans of a response over its tokens, with their scores. plain: every token has a tag of its own."""
    scores = [entity["score"] for entity in response["entities"]]
    if plain:
        return each_token(response["tags"], scores)
    return [
        Span(span.start, span.end, span.label, score) for span, score in zip(spans_of(response["tags"]), scores, strict=True)
    ]


def flatten(response: Response) -> dict[str, str]:
    """Columns of a CSV file: the entities as JSON without their scores, and a tag for each token."""
    unscored = [{key: entity[key] for key in ("start", "end", "label", "text")} for entity in response["entities"]]
    return {"entities": json.dumps(unscored, ensure_ascii=False), "tags": " ".join(response["tags"])}


def interface(tags: Sequence[str], plain: bool) -> Interface:
    """The interface of a tagging codec. tags: of its responses. plain: every token has a tag of its own."""
    labels = list(tags) if plain else sorted({split_tag(tag, BIO)[1] for tag in tags if tag != OUTSIDE})
    place = {"type": "integer", "minimum": 0}
    text = {"type": "string", "title": message("Text"), "description": message("The text to label, in any length")}
    tokens = {"type": "array", "items": {"type": "string"}, "description": message("Its words, where they are known already")}
    entity = {
        "start": {**place, "description": "The first character"},
        "end": {**place, "description": "The character after the last one"},
        "label": {"type": "string", "enum": labels},
        "text": {"type": "string"},
        "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "Geometric mean of its tags' probabilities"},
    }
    properties = {
        "entities": {"type": "array", "items": {"type": "object", "properties": entity, "required": list(entity)}},
        "tokens": {"type": "array", "items": {"type": "string"}},
        "tags": {"type": "array", "items": {"type": "string", "enum": list(tags)}, "description": "One for each token"},
    }
    fields = {"text": text, "tokens": tokens}
    alternatives = [{"type": "object", "properties": {name: kind}, "required": [name]} for name, kind in fields.items()]
    return Interface(
        request={"anyOf": [*alternatives, text]},
        response={"type": "object", "properties": properties, "required": list(properties)},
        example=EXAMPLE,
        drawing=DrawnSpans("entities", "text", "tokens"),
    )
