"""The baseline's table: the most frequent tag of each token."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from framework_labeling.rows import Sentence
from framework_labeling.schemes import OUTSIDE

Entry = tuple[str, float]  # a tag, and its share of the token's occurrences


def most_frequent_tags(sentences: Iterable[Sentence]) -> dict[str, Entry]:
    """Token -> its most frequent tag and that tag's share; of equally frequent tags the first by name.

    Keys are the tokens as written, and their lower-case forms. The entry of a lower-case form that is never written counts all
    spellings of the token.
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
    """The entry for unseen words: outside where there is such a tag, otherwise the most frequent tag; with its share."""
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    return (OUTSIDE, counts[OUTSIDE] / counts.total()) if OUTSIDE in counts else _most_frequent(counts)


def look_up(table: Mapping[str, Entry], token: str, unseen: Entry) -> Entry:
    """The entry of a token as written, otherwise of its lower-case form, otherwise `unseen`."""
    return table.get(token) or table.get(token.lower()) or unseen


def _most_frequent(counts: Counter[str]) -> Entry:
    tag = min(counts, key=lambda tag: (-counts[tag], tag))
    return tag, counts[tag] / counts.total()
