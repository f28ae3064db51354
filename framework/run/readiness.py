"""Checks before any fit, the same for a run and for `check`: whether candidates and Lightning accept recipe and data.

Must not import torch, unless only Lightning can check the recipe's `trainer:` section.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from framework.contracts.task import TaskData
from framework.errors import InputError
from framework.plugins import AnyCandidate, AnyTask
from framework.recipe.candidates import options_for
from framework.recipe.validation import options_of

# Arguments of the Trainer for which Lightning accepts every value that `check_recipe` accepts.
PLAIN = frozenset(
    {"max_epochs", "min_epochs", "max_steps", "min_steps", "gradient_clip_val", "log_every_n_steps", "enable_progress_bar",
     "enable_model_summary", "enable_checkpointing"}
)  # fmt: skip


def refusals(config: DictConfig, candidate: AnyCandidate, data: TaskData, task: Any, options: Any) -> list[str]:
    """Reasons why the candidate cannot be fitted, a sentence each. task: the task's options. options: the candidate's."""
    return candidate.refuses(data, task, options, OmegaConf.to_container(config.trainer, resolve=True))  # type: ignore[arg-type]


def check_ready(config: DictConfig, task: AnyTask, candidates: Sequence[AnyCandidate], data: TaskData) -> None:
    """Raises InputError if all candidates are refused, or Lightning refuses the `trainer:` section. candidates: competing."""
    options = options_of(config.task, task.options)
    reasons = [refusals(config, candidate, data, options, options_for(config, candidate)) for candidate in candidates]
    if reasons and all(reasons):
        raise InputError(*dict.fromkeys(reason for of_candidate in reasons for reason in of_candidate))
    if needs_lightning(config.trainer):
        from framework.training.trainer import check_trainer

        check_trainer(trainer_arguments(config.trainer))


def needs_lightning(section: DictConfig) -> bool:
    """Whether only Lightning, whose import takes seconds, can check the section: an argument not in `PLAIN` was set."""
    section_type: Any = OmegaConf.get_type(section)
    return any(section[argument.name] != argument.default for argument in fields(section_type) if argument.name not in PLAIN)


def trainer_arguments(section: DictConfig) -> dict[str, Any]:
    """Arguments of `pytorch_lightning.Trainer`, with the objects that the recipe describes by ``_target_``.

    Raises InputError if such an object cannot be built.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        arguments = instantiate(section, _convert_="all")
    except InstantiationException as error:
        raise InputError(f"trainer: {error}") from error
    return {str(name): value for name, value in arguments.items()}
