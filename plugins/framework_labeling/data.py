"""The splits as taggers see them: tokens with the tags that a model learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from framework import Bars, InputError, Problem, Section, Series, Splits, Table, joined, message
from framework_labeling import Labeling
from framework_labeling.detection import find_scheme
from framework_labeling.rows import PROBLEMS, Sentence, raise_some
from framework_labeling.schemes import OUTSIDE, PLAIN, Scheme, count_impossible, model_tags, spans_of, tag_names

SHOWN = 12  # labels listed one by one
FEW = 20  # training spans below which a label can hardly be learned
QUANTILES = (0.05, 0.5, 0.95, 1.0)


@dataclass(frozen=True)
class LabelingData:
    """Splits, tags and sentences of a labeling task."""

    splits: Splits
    scheme: Scheme
    """The scheme of the tags in the tables."""
    tags: list[str]
    """The tags that a model learns, in the order of its outputs."""
    sentences: dict[str, list[Sentence]]
    """The rows of each split, in the order of the tables, with the tags that a model learns."""
    repaired: Counter[str] = field(default_factory=Counter)
    """By split, the number of impossible transitions; see `count_impossible`."""

    def texts(self, split: str) -> list[str]:
        """The tokens of each row, joined by spaces."""
        return [" ".join(sentence.tokens) for sentence in self.sentences[split]]

    @property
    def plain(self) -> bool:
        """Whether every token has a tag of its own."""
        return self.scheme.name == PLAIN

    @property
    def model_scheme(self) -> Scheme:
        """The scheme of the model's tags."""
        return Scheme(PLAIN) if self.plain else Scheme("BIO")

    def counts(self, split: str) -> Counter[str]:
        """The number of spans of each label; with plain tags, the number of tokens of each tag."""
        return Counter(span.label for sentence in self.sentences[split] for span in spans_of(sentence.tags, self.model_scheme))

    def sections(self) -> list[Section]:
        """Sections on the spans of each label in each split, with the scheme, and on the lengths of the rows."""
        counts = {name: self.counts(name) for name in self.sentences}
        order = [label for label, _ in counts["train"].most_common()]
        rows = [(label, *(f"{counts[name][label]:,}" for name in counts)) for label in order[:SHOWN]]
        scheme = self.scheme.name
        notes = [message("scheme: {scheme}; {reason}", scheme=scheme, reason=self.scheme.reason)]
        notes += [message("and {count} more labels", count=len(order) - SHOWN)] if len(order) > SHOWN else []
        notes += [
            message(
                "{count:,} places of {split} rows that {scheme} does not allow are read as conlleval reads them",
                count=count,
                split=name,
                scheme=scheme,
            )
            for name, count in self.repaired.items()
            if count
        ]
        series = [Series(name, [counts[name][label] for label in order]) for name in counts]
        chart = Bars(message("Spans of each label"), order, series)
        title = message("Spans of each label ({count})", count=len(order))
        if self.plain:
            title = message("Tokens of each label ({count})", count=len(order))
        return [
            Section(title, (message("label"), *counts), rows, joined(notes), charts=(chart,)),
            self._lengths(),
        ]

    def problems(self) -> list[Problem]:
        """A problem where labels have fewer than `FEW` training spans."""
        rare = [(label, count) for label, count in self.counts("train").items() if count < FEW]
        if not rare:
            return []
        shown = ", ".join(f"{label} ({count})" for label, count in sorted(rare, key=lambda pair: pair[1])[:5])
        what = f"{len(rare):,} labels have fewer than {FEW} training spans: {shown}{', ...' * (len(rare) > 5)}"
        return [Problem(what, "add rows, or join labels")]

    def _lengths(self) -> Section:
        lengths = {name: [len(sentence.tokens) for sentence in rows] for name, rows in self.sentences.items() if rows}
        rows = [(f"{q:.0%}", *(f"{int(np.quantile(values, q)):,}" for values in lengths.values())) for q in QUANTILES]
        return Section(message("Tokens of a row"), (message("quantile"), *lengths), rows)


def prepare(splits: Splits, options: Labeling) -> LabelingData:
    """The splits as taggers see them.

    Raises InputError for training tags that fit no scheme, for validation and test rows in another scheme, and where all
    training tokens have the same tag.
    """
    scheme = find_scheme(splits.train.lists("tags"), options.scheme)
    sentences, repaired = {}, Counter[str]()
    for name, table in splits.named().items():
        sentences[name] = sentences_of(table, scheme)
        repaired[name] = sum(count_impossible(tags, scheme) for tags in table.lists("tags"))
    learned = [tag for sentence in sentences["train"] for tag in sentence.tags]
    if scheme.name == PLAIN:
        tags = sorted(set(learned))
    else:
        tags = tag_names(tag.partition("-")[2] for tag in set(learned) - {OUTSIDE})
    if len(tags) < 2:
        raise InputError(f"{splits.train.source}: every token has the tag {tags[0]!r}; there is nothing to learn")
    return LabelingData(splits, scheme, tags, sentences, repaired)


def sentences_of(table: Table, scheme: Scheme) -> list[Sentence]:
    """The rows with the tags that a model learns. Raises InputError naming rows whose tags are not written in the scheme."""
    sentences: list[Sentence] = []
    problems: list[str] = []
    for row, (tokens, tags) in enumerate(zip(table.lists("tokens"), table.lists("tags"), strict=True)):
        try:
            sentences.append(Sentence(tokens, model_tags(tags, scheme), table.lines[row]))
        except (KeyError, ValueError):
            problems.append(f"{table.where(row)}: the tags are not all written in {scheme.name}: {_distinct(tags)}")
    raise_some(problems[: PROBLEMS + 1])
    return sentences


def _distinct(tags: Sequence[str]) -> str:
    return ", ".join(map(repr, dict.fromkeys(tags)))[:80]
