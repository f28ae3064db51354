"""Problems of a recipe for classifiers, found when it is composed."""

from __future__ import annotations

from framework_classification import Classification, Multilabel
from framework_text.backbones import misplaced, problems_with
from framework_text.options import Backbone, FineTuning
from framework_text.validation import ENCODERS, fine_tuning_problems

FAMILIES = ENCODERS


def problems(task: Classification | Multilabel, options: FineTuning) -> list[str]:
    """Problems of a recipe that fine-tunes."""
    return [*backbone_problems(task, options.backbone), *task_problems(task), *fine_tuning_problems(options)]


def task_problems(task: Classification | Multilabel) -> list[str]:
    """Problems of the task's options, whichever candidates compete."""
    problems, labels = [], task.labels or []
    if isinstance(task, Multilabel):
        return [f"task.labels={labels} must be different labels"] if len(set(labels)) < len(labels) else []
    if len(set(labels)) < len(labels) or len(labels) == 1:
        problems.append(f"task.labels={labels} must be two or more different labels")
    if task.abstain_precision is not None and not 0 < task.abstain_precision <= 1:
        problems.append(f"task.abstain_precision={task.abstain_precision} is a share of answers: above 0, at most 1")
    return problems


def backbone_problems(task: Classification | Multilabel, backbone: Backbone) -> list[str]:
    """Problems of the section `backbone:`."""
    return [*misplaced(backbone), *problems_with(backbone.chosen, FAMILIES, task.max_length)]
