"""The training rows most like a test row: a wrong label beside a mistake is seen at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from framework.contracts import Task
from framework.data.table import Table
from framework.privacy import Text

SAMPLE = 10_000  # training rows searched at most
LENGTH = 500  # characters of a text compared
COUNT = 3  # neighbours of a row


@dataclass(frozen=True)
class Neighbour:
    """A training row: its text, the values of its target columns, its line in the file, cosine similarity from 0 to 1."""

    text: Text
    targets: Sequence[str]
    line: int
    similarity: float


def nearest_training_rows(task: Task, train: Table, test: Table, rows: Sequence[int], seed: int) -> list[list[Neighbour]]:
    """For each test row given the most similar training rows, the nearest first, by TF-IDF of its texts' character n-grams.

    At most `SAMPLE` training rows, drawn with the seed, are searched. Without a text column there is nothing to compare.
    """
    roles = [column.role for column in task.canonical if column.kind == "text" and not column.target]
    targets = [column.role for column in task.canonical if column.target]
    if not roles or not rows:
        return [[] for _ in rows]
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = sorted(random.Random(seed).sample(range(len(train)), min(SAMPLE, len(train))))  # noqa: S311, a sample
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    known = vectorizer.fit_transform([_joined(train, roles, i) for i in chosen])
    similarities = (vectorizer.transform([_joined(test, roles, row) for row in rows]) @ known.T).toarray()
    found = []
    for line in similarities:
        best = [int(i) for i in (-line).argsort(kind="stable")[:COUNT] if line[i] > 0]
        found.append([_neighbour(train, roles, targets, chosen[i], float(line[i])) for i in best])
    return found


def _neighbour(train: Table, roles: Sequence[str], targets: Sequence[str], row: int, similarity: float) -> Neighbour:
    values = [train.columns[target][row] for target in targets]
    return Neighbour(Text(_joined(train, roles, row)), values, train.lines[row], round(similarity, 3))


def _joined(table: Table, roles: Sequence[str], row: int) -> str:
    return "\n".join(table.columns[role][row][:LENGTH] for role in roles)
