"""Rows of labelled sequences: tokens with tags, and texts with spans, which become tokens with tags."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from framework import InputError
from framework_labeling.schemes import BIO, Scheme, Span, bio_tags, count_impossible, model_tags
from framework_labeling.words import Offsets, split_words

PROBLEMS = 20  # rows named in one message
SHOWN = 40  # characters of a span in a message


@dataclass(frozen=True)
class Sentence:
    """Tokens with as many tags."""

    tokens: Sequence[str]
    tags: Sequence[str]
    line: int = 0
    """The line of the file where the sentence starts, counted from 1; 0: not known."""


@dataclass(frozen=True)
class MarkedText:
    """A text with spans over its characters."""

    text: str
    spans: Sequence[Span]
    line: int = 0
    """The line of the file where the text stands, counted from 1; 0: not known."""


def tokenized(marked: MarkedText) -> tuple[Sentence, int]:
    """The words of a text with BIO tags, and how many spans began or ended within a word and were widened to whole words.

    Spans lose spaces at their ends, and equal spans count once. Raises InputError, which names the line, for spans that are out
    of range, are empty, overlap, or share a word.
    """
    words, offsets = split_words(marked.text)
    spans = sorted((_trimmed(marked, span) for span in set(marked.spans)), key=lambda span: (span.start, span.end, span.label))
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise InputError(f"line {marked.line}: {_shown(marked, before)} and {_shown(marked, after)} overlap; keep one")
    word_spans = [_over_words(span, offsets) for span in spans]
    for before, after in pairwise(word_spans):
        if after.start < before.end:
            raise InputError(f"line {marked.line}: two spans share the word {words[after.start][:SHOWN]!r}; keep one")
    widened = sum(
        (offsets[span.start][0], offsets[span.end - 1][1]) != (chars.start, chars.end)
        for span, chars in zip(word_spans, spans, strict=True)
    )
    return Sentence(words, bio_tags(word_spans, len(words)), marked.line), widened


def _trimmed(marked: MarkedText, span: Span) -> Span:
    """The span without spaces at its ends. Raises InputError for a span that is out of range or blank."""
    if not 0 <= span.start < span.end <= len(marked.text):
        raise InputError(
            f"line {marked.line}: the span {span.start}-{span.end} ({span.label}) is empty or outside its text of "
            f"{len(marked.text):,} characters"
        )
    text = marked.text[span.start : span.end]
    if not text.strip():
        raise InputError(f"line {marked.line}: the span {span.start}-{span.end} ({span.label}) holds only spaces; leave it out")
    return Span(span.end - len(text.lstrip()), span.start + len(text.rstrip()), span.label)


def _over_words(span: Span, offsets: Offsets) -> Span:
    """The span over the words that `span`, a span over characters, touches. offsets: of the words."""
    first = bisect_right(offsets, span.start, key=lambda offset: offset[1])
    last = bisect_left(offsets, span.end, key=lambda offset: offset[0])
    return Span(first, last, span.label)


def _shown(marked: MarkedText, span: Span) -> str:
    """A span as messages show it."""
    return f"{marked.text[span.start : span.end][:SHOWN]!r} ({span.start}-{span.end}, {span.label})"


def read_tags(sentences: Iterable[Sentence], scheme: Scheme = BIO) -> tuple[list[Sentence], int]:
    """The sentences with the tags that a model learns, and how many impossible transitions were repaired.

    Raises InputError, which names the lines, for tags that are not of the scheme.
    """
    problems: list[str] = []
    readable: list[Sentence] = []
    impossible = 0
    for sentence in sentences:
        try:
            readable.append(Sentence(sentence.tokens, model_tags(sentence.tags, scheme), sentence.line))
            impossible += count_impossible(sentence.tags, scheme)
        except (KeyError, ValueError):
            shown = ", ".join(map(repr, dict.fromkeys(sentence.tags)))[: 2 * SHOWN]
            problems.append(f"line {sentence.line}: the tags are not all written in {scheme.name}: {shown}")
    raise_some(problems)
    return readable, impossible


def raise_some(problems: Sequence[str]) -> None:
    """Raises InputError with the first problems, at most `PROBLEMS`, if there are any."""
    if problems:
        more = [f"and {len(problems) - PROBLEMS:,} more like these"] if len(problems) > PROBLEMS else []
        raise InputError(*problems[:PROBLEMS], *more)
