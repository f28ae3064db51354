"""What `check` says about labelled texts beyond what every run says. No torch."""

from __future__ import annotations

from collections import Counter

from framework import Problem
from framework_classification import Classification
from framework_classification.data import FEW, ClassificationData

IMBALANCE = 10  # times as many rows in the largest class as in the smallest, from which it is said


def class_sizes(data: ClassificationData, options: Classification) -> list[Problem]:
    counts = Counter(data.splits.train.texts("label"))
    rare = sorted((label for label in data.labels if counts[label] < FEW), key=lambda label: counts[label])
    found = []
    if rare:
        named = ", ".join(f"{label} ({counts[label]})" for label in rare[:5]) + (", ..." if len(rare) > 5 else "")
        found.append(Problem(f"{len(rare):,} labels have fewer than {FEW} training rows: {named}", "add rows, or join labels"))
    largest, smallest = max(counts.values()), min(counts[label] for label in data.labels)
    if largest > IMBALANCE * max(smallest, 1) and not options.class_weights:
        what = f"the most frequent label has {largest:,} training rows, the rarest {smallest:,}"
        found.append(Problem(what, "macro-F1 counts labels alike; task.class_weights=true makes rare rows weigh more"))
    return found
