"""The training rows most like a test row: a wrong label beside a mistake is seen at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.contracts.data.cells import TEXTUAL, as_text, texts_of
from framework.contracts.data.table import Table
from framework.plugins import AnyTask
from framework.report.privacy import Text

SAMPLE = 10_000  # training rows searched at most
Shown = Mapping[str, Callable[[Any], Sequence[str]] | None]  # columns, and what makes texts of those that hold none
LENGTH = 500  # characters of a text compared
COUNT = 3  # neighbours of a row


@dataclass(frozen=True)
class Neighbour:
    """A training row: its text, the values of its target columns, its line in the file, cosine similarity from 0 to 1."""

    text: Text
    targets: Sequence[str]
    line: int
    similarity: float


def nearest_training_rows(task: AnyTask, train: Table, test: Table, rows: Sequence[int], seed: int) -> list[list[Neighbour]]:
    """For each test row given the most similar training rows, the nearest first, by TF-IDF of its texts' character n-grams.

    At most `SAMPLE` training rows, drawn with the seed, are searched. Without a text column there is nothing to compare.
    """
    shown = {c.role: texts_of(c.kind) for c in task.canonical if c.kind in TEXTUAL and not c.target}
    targets = [column.role for column in task.canonical if column.target]
    if not shown or not rows:
        return [[] for _ in rows]
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = sorted(random.Random(seed).sample(range(len(train)), min(SAMPLE, len(train))))  # noqa: S311, a sample
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    known = vectorizer.fit_transform([_joined(train, shown, i) for i in chosen])
    similarities = (vectorizer.transform([_joined(test, shown, row) for row in rows]) @ known.T).toarray()
    found = []
    for line in similarities:
        best = [int(i) for i in (-line).argsort(kind="stable")[:COUNT] if line[i] > 0]
        found.append([_neighbour(train, shown, targets, chosen[i], float(line[i])) for i in best])
    return found


def _neighbour(train: Table, shown: Shown, targets: Sequence[str], row: int, similarity: float) -> Neighbour:
    values = [as_text(train.columns[target][row]) for target in targets]
    return Neighbour(Text(_joined(train, shown, row)), values, train.lines[row], round(similarity, 3))


def _joined(table: Table, shown: Shown, row: int) -> str:
    values = [(table.columns[role][row], texts) for role, texts in shown.items()]
    return "\n".join((texts(value)[0] if texts else as_text(value))[:LENGTH] for value, texts in values)
