"""The most probable tags among those that BIO allows, and the spans they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from framework_labeling.schemes import OUTSIDE, Span, spans_of
from framework_labeling.words import Offsets

TINY = 1e-30  # a probability of zero, so that its logarithm is a number


def allowed_transitions(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """What may begin a sentence (tags,), and what may follow what (before, after), as BIO allows it."""
    begins = np.asarray([not tag.startswith("I-") for tag in tags])
    follows = np.tile(begins, (len(tags), 1))
    for after, tag in enumerate(tags):
        if tag.startswith("I-"):
            follows[:, after] = [before in (tag, f"B-{tag[2:]}") for before in tags]
    return begins, follows


def decode(probabilities: np.ndarray, begins: np.ndarray, follows: np.ndarray) -> list[int]:
    """The allowed sequence of tags with the largest product of probabilities (Viterbi 1967).

    probabilities: (words, tags). begins, follows: as `allowed_transitions` gives them.
    """
    best = probabilities.argmax(1)
    if not len(best) or (begins[best[0]] and follows[best[:-1], best[1:]].all()):
        path: list[int] = best.tolist()  # nothing can be more probable than each word's best tag
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
    """The spans over tokens of BIO tags; the score of each is the geometric mean of its tokens' `confidence`.

    confidence: of each token, the probability of its tag.
    """
    logs = np.log(np.maximum(np.asarray(confidence, dtype=np.float64), TINY))
    return [replace(span, score=float(np.exp(logs[span.start : span.end].mean()))) for span in spans_of(tags)]


def each_token(tags: Sequence[str], confidence: Sequence[float]) -> list[Span]:
    """Plain tags as spans of one token each, with the probability of its tag as score."""
    return [Span(i, i + 1, tag, score) for i, (tag, score) in enumerate(zip(tags, confidence, strict=True))]


def entities(spans: Sequence[Span], text: str, offsets: Offsets) -> list[dict[str, Any]]:
    """Spans over tokens as plain data with their place among the text's characters."""
    places = [(offsets[span.start][0], offsets[span.end - 1][1]) for span in spans]
    return [
        {"start": start, "end": end, "label": span.label, "text": text[start:end], "score": span.score}
        for span, (start, end) in zip(spans, places, strict=True)
    ]


def padding_tag(tags: Sequence[str]) -> int:
    """The number of the tag that words without a piece get: outside, or the first one where there is no such tag."""
    return tags.index(OUTSIDE) if OUTSIDE in tags else 0
