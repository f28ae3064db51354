"""What would stop the fit of a model, found out before anything is trained: `run` and `check` ask the same. No torch, unless
the recipe's `trainer:` section needs Lightning to be judged.
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

# Judged by their type and by `check_recipe` alone: whatever number stands there, Lightning takes it.
PLAIN = frozenset(
    {"max_epochs", "min_epochs", "max_steps", "min_steps", "gradient_clip_val", "log_every_n_steps", "enable_progress_bar",
     "enable_model_summary", "enable_checkpointing"}
)  # fmt: skip


def refusals(config: DictConfig, candidate: AnyCandidate, data: TaskData, task: Any, options: Any) -> list[str]:
    """What the candidate refuses of this recipe with this data. task: its options. options: of the candidate."""
    return candidate.refuses(data, task, options, OmegaConf.to_container(config.trainer, resolve=True))  # type: ignore[arg-type]


def check_ready(config: DictConfig, task: AnyTask, candidates: Sequence[AnyCandidate], data: TaskData) -> None:
    """Raises InputError where every candidate that competes is refused, or Lightning refuses the `trainer:` section."""
    options = options_of(config.task, task.options)
    problems = [refusals(config, one, data, options, options_for(config, one)) for one in candidates]
    if problems and all(problems):
        raise InputError(*dict.fromkeys(problem for several in problems for problem in several))
    if needs_lightning(config.trainer):
        from framework.training.trainer import check_trainer

        check_trainer(trainer_arguments(config.trainer))


def needs_lightning(section: DictConfig) -> bool:
    """Whether only Lightning, which takes seconds to import, can tell that it takes the section."""
    section_type: Any = OmegaConf.get_type(section)
    return any(section[one.name] != one.default for one in fields(section_type) if one.name not in PLAIN)


def trainer_arguments(section: DictConfig) -> dict[str, Any]:
    """Arguments of `pytorch_lightning.Trainer`; objects that the recipe describes with ``_target_`` are built."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        arguments = instantiate(section, _convert_="all")
    except InstantiationException as error:
        raise InputError(f"trainer: {error}") from error
    return {str(name): value for name, value in arguments.items()}
