"""Decodes probabilities into the most probable tags that BIO allows, and tags into spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from framework_labeling.schemes import OUTSIDE, Span, spans_of
from framework_labeling.words import Offsets

TINY = 1e-30  # replaces a probability of zero, whose logarithm is infinite


def allowed_transitions(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which tags may begin a sentence in BIO, (tags,) bool, and which may follow which, (tags before, tags after) bool."""
    begins = np.asarray([not tag.startswith("I-") for tag in tags])
    follows = np.tile(begins, (len(tags), 1))
    for after, tag in enumerate(tags):
        if tag.startswith("I-"):
            follows[:, after] = [before in (tag, f"B-{tag[2:]}") for before in tags]
    return begins, follows


def decode(probabilities: np.ndarray, begins: np.ndarray, follows: np.ndarray) -> list[int]:
    """The numbers of the allowed sequence of tags with the largest product of probabilities (Viterbi 1967).

    probabilities: (words, tags). begins, follows: of `allowed_transitions`.
    """
    best = probabilities.argmax(1)
    if not len(best) or (begins[best[0]] and follows[best[:-1], best[1:]].all()):
        path: list[int] = best.tolist()  # the best tag of every word, where these may follow each other
        return path
    scores = np.log(np.maximum(probabilities, TINY))
    barred = np.where(follows, 0.0, -np.inf)
    total = np.where(begins, scores[0], -np.inf)
    came_from = np.zeros(probabilities.shape, dtype=np.int64)
    for word in range(1, len(scores)):
        through = total[:, None] + barred
        came_from[word] = through.argmax(0)
        total = through.max(0) + scores[word]
    path = [int(total.argmax())]
    for word in range(len(scores) - 1, 0, -1):
        path.append(int(came_from[word, path[-1]]))
    return path[::-1]


def scored_spans(tags: Sequence[str], confidence: Sequence[float]) -> list[Span]:
    """The spans over tokens that BIO tags stand for; the score of a span is the geometric mean of its tokens' confidence.

    confidence: (tokens,), the probability of each token's tag.
    """
    logs = np.log(np.maximum(np.asarray(confidence, dtype=np.float64), TINY))
    return [replace(span, score=float(np.exp(logs[span.start : span.end].mean()))) for span in spans_of(tags)]


def each_token(tags: Sequence[str], confidence: Sequence[float]) -> list[Span]:
    """Plain tags as spans of one token each; the score of a span is the confidence of its tag."""
    return [Span(i, i + 1, tag, score) for i, (tag, score) in enumerate(zip(tags, confidence, strict=True))]


def entities(spans: Sequence[Span], text: str, offsets: Offsets) -> list[dict[str, Any]]:
    """Spans over tokens as plain data: start and end among the text's characters, label, text and score."""
    places = [(offsets[span.start][0], offsets[span.end - 1][1]) for span in spans]
    return [
        {"start": start, "end": end, "label": span.label, "text": text[start:end], "score": span.score}
        for span, (start, end) in zip(spans, places, strict=True)
    ]


def padding_tag(tags: Sequence[str]) -> int:
    """The number of the tag for words without pieces: outside, or the first tag where `tags` has no outside."""
    return tags.index(OUTSIDE) if OUTSIDE in tags else 0
