"""Problems of the class sizes, which the verb `check` shows. No torch."""

from __future__ import annotations

from framework import Problem, Section, message
from framework_classification import Classification
from framework_classification.data import FEW, ClassificationData, LabelledTexts
from framework_classification.familiarity.out_of_scope import named_so

WRONG_LABELS = Section(
    message("Labels worth a second look"),
    note=message(
        "Finding training rows whose labels are probably wrong needs fitted models: a run lists them in its report and in "
        "suspicious.csv in its folder. data.exclude=FILE leaves the rows of such a file out of training."
    ),
)
IMBALANCE = 10  # rows of the largest class for each row of the smallest, above which the imbalance is a problem


def class_size_problems(data: ClassificationData, options: Classification) -> list[Problem]:
    """Labels with few training rows or a name of what is no class, and imbalance that no class weights make up for."""
    counts, problems = data.counts(data.splits.train), rare_labels(data)
    for label in named_so(data.labels) if options.out_of_scope is None else ():
        what = f"the label {label} is learned as a class, although it is called as if its rows belonged to none"
        problems.append(Problem(what, f"task.out_of_scope={label} uses them to tell known texts from unknown ones"))
    largest, smallest = max(counts.values()), min(counts[label] for label in data.labels)
    if largest > IMBALANCE * max(smallest, 1) and not options.class_weights:
        what = f"the most frequent label has {largest:,} training rows, the rarest {smallest:,}"
        problems.append(Problem(what, "macro-F1 counts labels alike; task.class_weights=true makes rare rows weigh more"))
    return problems


def rare_labels(data: LabelledTexts) -> list[Problem]:
    """Labels with fewer than `FEW` training rows."""
    counts = data.counts(data.splits.train)
    rare = sorted((label for label in data.labels if counts[label] < FEW), key=lambda label: counts[label])
    if not rare:
        return []
    shown = ", ".join(f"{label} ({counts[label]})" for label in rare[:5]) + (", ..." if len(rare) > 5 else "")
    what = f"{len(rare):,} labels have fewer than {FEW} training rows: {shown}"
    return [Problem(what, "add rows, or join labels")]
