"""Finds the training rows most similar to a test row. They show where wrong labels of the data cause a model's mistakes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.contracts.data.cells import TEXTUAL, as_text, texts_of
from framework.contracts.data.table import Table
from framework.plugins import AnyTask
from framework.report.privacy import Text

SAMPLE = 10_000  # training rows that are searched, at most
TextColumns = Mapping[str, Callable[[Any], Sequence[str]] | None]  # by role, the result of `texts_of`
LENGTH = 500  # characters of a text that are compared, at most
COUNT = 3  # neighbours of a row, at most


@dataclass(frozen=True)
class Neighbour:
    """A training row that is similar to a test row."""

    text: Text
    targets: Sequence[str]
    """The values of the target columns of that row."""
    line: int
    """The line of that row in the file, from 1."""
    similarity: float
    """Cosine similarity, from 0 to 1."""


def nearest_training_rows(task: AnyTask, train: Table, test: Table, rows: Sequence[int], seed: int) -> list[list[Neighbour]]:
    """The most similar training rows of each test row, the nearest first, by TF-IDF of character n-grams.

    rows: indices of test rows. Searches at most `SAMPLE` training rows, drawn with the seed. Without a text column there are no
    neighbours.
    """
    columns = {c.role: texts_of(c.kind) for c in task.canonical if c.kind in TEXTUAL and not c.target}
    targets = [column.role for column in task.canonical if column.target]
    if not columns or not rows:
        return [[] for _ in rows]
    from sklearn.feature_extraction.text import TfidfVectorizer

    sample = sorted(random.Random(seed).sample(range(len(train)), min(SAMPLE, len(train))))  # noqa: S311, a sample
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    vectors = vectorizer.fit_transform([_join(train, columns, i) for i in sample])
    similarities = (vectorizer.transform([_join(test, columns, row) for row in rows]) @ vectors.T).toarray()
    neighbours = []
    for of_row in similarities:
        best = [int(i) for i in (-of_row).argsort(kind="stable")[:COUNT] if of_row[i] > 0]
        neighbours.append([_neighbour(train, columns, targets, sample[i], float(of_row[i])) for i in best])
    return neighbours


def _neighbour(train: Table, columns: TextColumns, targets: Sequence[str], row: int, similarity: float) -> Neighbour:
    values = [as_text(train.columns[target][row]) for target in targets]
    return Neighbour(Text(_join(train, columns, row)), values, train.lines[row], round(similarity, 3))


def _join(table: Table, columns: TextColumns, row: int) -> str:
    """The beginnings of a row's texts, a line each."""
    values = [(table.columns[role][row], texts) for role, texts in columns.items()]
    return "\n".join((texts(value)[0] if texts else as_text(value))[:LENGTH] for value, texts in values)
