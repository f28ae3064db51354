"""What gives an answer away: texts that hold their label's word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from framework.contracts import Column, Problem
from framework.data.table import Splits

SAMPLE = 5000  # training rows looked at
LEAK = 0.5  # share of a label's rows that hold the label's own word, from which it is said
FEW = 10  # rows of a label below which a share says nothing


def leaks(splits: Splits, columns: Sequence[Column]) -> list[Problem]:
    """Labels whose word stands in most of their own texts and hardly in others'."""
    texts = [column.role for column in columns if column.kind == "text" and not column.target]
    targets = [column.role for column in columns if column.kind == "category" and column.target]
    if not texts or not targets:
        return []
    train = splits.train.take(range(min(SAMPLE, len(splits.train))))
    rows, labels = list(zip(*(train.columns[role] for role in texts), strict=True)), list(train.columns[targets[0]])
    counts = Counter(labels)
    inside: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    words = {label: re.compile(rf"(?<!\w){re.escape(label)}(?!\w)", re.IGNORECASE) for label in counts if len(label) > 1}
    for values, label in zip(rows, labels, strict=True):
        joined = " ".join(values)
        for name in words.keys() & ({label} | _near(joined, words)):
            if words[name].search(joined):
                (inside if name == label else outside)[name] += 1
    found = []
    for label, count in counts.items():
        share, elsewhere = inside[label] / count, outside[label] / max(1, len(labels) - count)
        if count >= FEW and share >= LEAK and share > 2 * elsewhere:
            what = f"{share:.0%} of the {label!r} texts hold the word {label!r} itself, other texts in {elsewhere:.0%}"
            found.append(Problem(what, "the label may have leaked into the text: look where the texts come from"))
    return found


def _near(text: str, words: dict[str, re.Pattern[str]]) -> set[str]:
    """Labels that may stand in a text: those of one word that does."""
    return set(re.findall(r"\w+", text)) & words.keys()
