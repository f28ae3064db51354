"""Problems of a recipe for labeling, found when the recipe is composed. No torch."""

from __future__ import annotations

from framework import nearest
from framework_labeling import Labeling
from framework_labeling.detection import AUTO
from framework_labeling.schemes import SCHEMES
from framework_text.backbones import misplaced, problems_with
from framework_text.options import Backbone, FineTuning
from framework_text.validation import ENCODERS, fine_tuning_problems


def problems(task: Labeling, options: FineTuning) -> list[str]:
    """Problems of a recipe that fine-tunes."""
    return [
        *backbone_problems(task, options.backbone),
        *task_problems(task),
        *fine_tuning_problems(options),
        *_rewriting(options),
    ]


def task_problems(task: Labeling) -> list[str]:
    """Problems of the task's options, whichever candidates compete."""
    wrong_options = []
    if task.scheme not in (AUTO, *SCHEMES):
        wrong_options.append(f"task.scheme={task.scheme} does not exist; {nearest(task.scheme, (AUTO, *SCHEMES))}")
    if task.overlap < 0:
        wrong_options.append(f"task.overlap={task.overlap} is a number of words, 0 or more")
    return wrong_options


def backbone_problems(task: Labeling, backbone: Backbone) -> list[str]:
    """Problems of the section `backbone:`."""
    return [*misplaced(backbone), *problems_with(backbone.chosen, ENCODERS, task.max_length)]


def _rewriting(options: FineTuning) -> list[str]:
    """Problems of options that rewrite texts, whose words would lose their tags."""
    return [
        f"model.{name}={getattr(options, name)} changes words, which have tags here; model.word_dropout= masks some"
        for name in ("swaps", "typos")
        if getattr(options, name)
    ]
