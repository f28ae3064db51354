"""The most frequent tag of each token, what a model must beat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from framework_labeling.rows import Sentence
from framework_labeling.schemes import OUTSIDE

Entry = tuple[str, float]  # a tag, and the share of the token's occurrences that have it


def most_frequent_tags(sentences: Iterable[Sentence]) -> dict[str, Entry]:
    """Token -> its most frequent tag in the training rows and that tag's share; of equals the first by name.

    Keys are tokens as written and, where no token is written so, in small letters: for these every way of writing counts.
    """
    exact: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
            exact[token][tag] += 1
    lowered: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for token, counts in exact.items():
        lowered[token.lower()].update(counts)
    return {token: _most_frequent(counts) for token, counts in {**lowered, **exact}.items()}


def overall_tag(sentences: Iterable[Sentence]) -> Entry:
    """What an unseen word gets: outside where there is such a tag, otherwise the most frequent one, with its share."""
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    return (OUTSIDE, counts[OUTSIDE] / counts.total()) if OUTSIDE in counts else _most_frequent(counts)


def look_up(table: Mapping[str, Entry], token: str, unseen: Entry) -> Entry:
    """The tag of a token as it is written, otherwise in small letters, otherwise that of unseen words; and its share."""
    return table.get(token) or table.get(token.lower()) or unseen


def _most_frequent(counts: Counter[str]) -> Entry:
    tag = min(counts, key=lambda tag: (-counts[tag], tag))
    return tag, counts[tag] / counts.total()
