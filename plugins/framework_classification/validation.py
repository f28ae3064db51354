"""Problems of a recipe for classifiers, found when it is composed."""

from __future__ import annotations

from framework_classification import Classification, Multilabel
from framework_text.backbones import misplaced, problems_with
from framework_text.options import Backbone, FineTuning, StaticVectors
from framework_text.validation import ENCODERS, fine_tuning_problems

FAMILIES = ENCODERS
LARGEST = 0.5  # share of the known texts that may be called unfamiliar: with more, most answers would say so


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
    return [*problems, *_familiarity_problems(task)]


def _familiarity_problems(task: Classification) -> list[str]:
    problems, share, label = [], task.refuse_known, task.out_of_scope
    if share is not None and not 0 < share <= LARGEST:
        problems.append(
            f"task.refuse_known={share} is a share of the known texts: above 0, at most {LARGEST}; null asks for no familiarity"
        )
    if label is not None and share is None:
        problems.append(f"task.out_of_scope={label} is for a threshold of familiarity, which task.refuse_known=null turns off")
    if label is not None and label in (task.labels or ()):
        problems.append(f"task.out_of_scope={label} belongs to no class: leave it out of task.labels")
    return problems


def backbone_problems(task: Classification | Multilabel, backbone: Backbone) -> list[str]:
    """Problems of the section `backbone:`."""
    return [*misplaced(backbone), *problems_with(backbone.chosen, FAMILIES, task.max_length)]


def static_problems(task: Classification, options: StaticVectors) -> list[str]:
    """Problems of the options of static token vectors."""
    problems = backbone_problems(task, options.backbone)
    if options.dimensions < 1:
        problems.append(f"candidates.static.dimensions={options.dimensions} must be at least 1, such as 256")
    if options.smoothing is not None and not options.smoothing > 0:
        problems.append(f"candidates.static.smoothing={options.smoothing} must be above 0, such as 0.001; null chooses one")
    if options.encode_minutes is not None and not options.encode_minutes > 0:
        problems.append(f"candidates.static.encode_minutes={options.encode_minutes} must be above 0; null reads every token")
    return problems
