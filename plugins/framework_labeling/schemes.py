"""Tags of tokens <-> spans: BIO, IOB1, IOBES, BILOU, BMES, bare labels, or plain tags such as parts of speech.

Sequences that a scheme does not allow are read as the script of the CoNLL-2000 shared task (conlleval) reads them, which is
also what seqeval does unless it is told to be strict: whatever is not a continuation of the same label begins a span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

OUTSIDE = "O"
UNNAMED = "_"  # the label of tags that are a letter alone, as in word segmentation
PLAIN = "plain"
IO = "IO"

# Every letter of a scheme as one of B (begins), I (goes on), E (ends), S (a span of one token) and O (outside).
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
    """From `start` up to and without `end`: positions of tokens, or of characters where a docstring says so.

    score: how sure a model is, from 0 to 1; it plays no part in equality.
    """

    start: int
    end: int
    label: str
    score: float = field(default=1.0, compare=False)


@dataclass(frozen=True)
class Scheme:
    """How tags stand for spans.

    name: one of `SCHEMES`. IO: bare labels, the tokens of a run are one span. plain: every token stands alone.
    separator: between the letter and the label. suffix: the letter stands after the label, as in ``PER-B``.
    reason: why it is this one, a sentence.
    """

    name: str
    separator: str = "-"
    suffix: bool = False
    reason: str = ""


BIO = Scheme("BIO")


def split_tag(tag: str, scheme: Scheme) -> tuple[str, str]:
    """(B, I, E, S or O, label) of a tag; of a bare label in IO the letter is I, of a plain tag S.

    Raises KeyError or ValueError for a tag that is none of the scheme.
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
    """The spans over tokens that a sentence's tags stand for, in order; in plain tags one for each token.

    Impossible sequences are read as conlleval does. Raises KeyError or ValueError for a tag that is none of the scheme.
    """
    spans: list[Span] = []
    start, label, is_open = -1, "", False  # start: of the span that the token before belongs to; -1: none
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
    """The BIO tags of a sentence of `length` tokens with these spans, which do not overlap."""
    tags = [OUTSIDE] * length
    for span in spans:
        tags[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return tags


def model_tags(tags: Sequence[str], scheme: Scheme = BIO) -> list[str]:
    """A sentence's tags as a model learns them: BIO, impossible sequences repaired; plain tags as they are."""
    return list(tags) if scheme.name == PLAIN else bio_tags(spans_of(tags, scheme), len(tags))


def tag_names(labels: Iterable[str]) -> list[str]:
    """The BIO tags of a model that knows these labels, `OUTSIDE` first."""
    return [OUTSIDE, *(f"{letter}-{label}" for label in sorted(set(labels)) for letter in "BI")]


def count_impossible(tags: Sequence[str], scheme: Scheme) -> int:
    """At how many places of a sentence the scheme does not allow what follows, its two ends among them."""
    if scheme.name in (IO, PLAIN):
        return 0
    pairs = [(OUTSIDE, ""), *(split_tag(tag, scheme) for tag in tags), (OUTSIDE, "")]
    return sum(not _allowed(scheme.name, *pair) for pair in pairwise(pairs))


def _allowed(name: str, before: tuple[str, str], after: tuple[str, str]) -> bool:
    same = before[1] == after[1]
    if name == "BIO":
        return after[0] != "I" or (before[0] in "BI" and same)
    if name == "IOB1":
        return after[0] != "B" or (before[0] in "BI" and same)
    is_open, goes_on = before[0] in "BI", after[0] in "IE"
    return is_open == goes_on and (same or not is_open)
