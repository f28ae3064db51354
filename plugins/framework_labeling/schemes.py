"""Converts between tags of tokens and spans: BIO, IOB1, IOBES, BILOU, BMES, BMEWO, bare labels, and plain tags such as parts
of speech.

Sequences that a scheme does not allow are read as conlleval, the script of the CoNLL-2000 shared task, and seqeval's default
mode read them: a tag that does not continue the same label begins a span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

OUTSIDE = "O"
UNNAMED = "_"  # the label of tags that are a single letter, as in word segmentation
PLAIN = "plain"
IO = "IO"

# Scheme -> its letters -> B (begins a span), I (continues it), E (ends it) or S (a span of one token).
LETTERS = {
    "BIO": {"B": "B", "I": "I"},
    "IOB1": {"B": "B", "I": "I"},
    "IOBES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
    "BMEWO": {"B": "B", "M": "I", "E": "E", "W": "S"},
}
SCHEMES = (*LETTERS, IO, PLAIN)


@dataclass(frozen=True)
class Span:
    """A labelled range of tokens, or of characters where a docstring says so."""

    start: int
    """Position of the first token."""
    end: int
    """Position after the last token."""
    label: str
    score: float = field(default=1.0, compare=False)
    """Confidence of the model, from 0 to 1; ignored when spans are compared."""


@dataclass(frozen=True)
class Scheme:
    """How tags stand for spans."""

    name: str
    """One of `SCHEMES`. In IO tags are bare labels, and neighbours with the same label are one span. In plain every token has a
    tag of its own."""
    separator: str = "-"
    """Between letter and label."""
    suffix: bool = False
    """Whether the letter stands after the label, as in ``PER-B``."""
    reason: str = ""
    """A sentence on why this scheme was chosen."""


BIO = Scheme("BIO")


def split_tag(tag: str, scheme: Scheme) -> tuple[str, str]:
    """(letter, label) of a tag, where the letter is B, I, E, S or O; I for a bare label in IO, S for a plain tag.

    Raises KeyError or ValueError for a tag that is not of the scheme.
    """
    if scheme.name == PLAIN:
        return "S", tag
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if scheme.name == IO:
        return "I", tag
    letters = LETTERS[scheme.name]
    if tag in letters:
        return letters[tag], UNNAMED
    parts = tag.rsplit(scheme.separator, 1)[::-1] if scheme.suffix else tag.split(scheme.separator, 1)
    letter, label = parts
    return letters[letter], label or UNNAMED


def spans_of(tags: Sequence[str], scheme: Scheme = BIO) -> list[Span]:
    """The spans over tokens that a sentence's tags stand for, in order; with plain tags one span for each token.

    Impossible sequences are read as conlleval reads them. Raises KeyError or ValueError for a tag that is not of the scheme.
    """
    spans: list[Span] = []
    start, label, is_open = -1, "", False  # start: of the span of the previous token; -1: that token is outside
    for position, tag in enumerate(tags):
        letter, here = split_tag(tag, scheme)
        if is_open and letter in "IE" and here == label:
            is_open = letter == "I"
            continue
        if start >= 0:
            spans.append(Span(start, position, label))
        start, label, is_open = (-1 if letter == OUTSIDE else position), here, letter in "BI"
    return [*spans, Span(start, len(tags), label)] if start >= 0 else spans


def bio_tags(spans: Iterable[Span], length: int) -> list[str]:
    """The BIO tags, `length` of them, of a sentence with these spans, which must not overlap."""
    tags = [OUTSIDE] * length
    for span in spans:
        tags[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return tags


def model_tags(tags: Sequence[str], scheme: Scheme = BIO) -> list[str]:
    """A sentence's tags as a model learns them: BIO without impossible sequences; plain tags unchanged."""
    return list(tags) if scheme.name == PLAIN else bio_tags(spans_of(tags, scheme), len(tags))


def tag_names(labels: Iterable[str]) -> list[str]:
    """The BIO tags of these labels, `OUTSIDE` first."""
    return [OUTSIDE, *(f"{letter}-{label}" for label in sorted(set(labels)) for letter in "BI")]


def count_impossible(tags: Sequence[str], scheme: Scheme) -> int:
    """How many transitions between the tags of a sentence, its beginning and end included, the scheme does not allow."""
    if scheme.name in (IO, PLAIN):
        return 0
    pairs = [(OUTSIDE, ""), *(split_tag(tag, scheme) for tag in tags), (OUTSIDE, "")]
    return sum(not _allowed(scheme.name, *pair) for pair in pairwise(pairs))


def _allowed(name: str, before: tuple[str, str], after: tuple[str, str]) -> bool:
    """Whether a tag may follow another. name: of the scheme. before, after: (letter, label)."""
    same = before[1] == after[1]
    if name == "BIO":
        return after[0] != "I" or (before[0] in "BI" and same)
    if name == "IOB1":
        return after[0] != "B" or (before[0] in "BI" and same)
    is_open, continues = before[0] in "BI", after[0] in "IE"
    return is_open == continues and (same or not is_open)
