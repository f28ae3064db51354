"""`winner.yaml`: the recipe that fits the winner of a run again, with what its time and its search decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf, open_dict

from framework.contracts.options import REPEATS
from framework.machine.disk import write_whole
from framework.run.context import Run
from framework.run.search.record import SearchTrial, read_record

WINNER = "winner.yaml"
ANEW, AVERAGED = "begins_anew", "is_averaged"  # keys of a step beside its settings, where they are true


def write_winner(run: Run, name: str) -> None:
    """Writes the recipe that repeats the trials which led to the winner, each from its record; nothing for a candidate without
    a search. name: of the winner.
    """
    folder = run.folder.trial(name)
    record = read_record(folder)
    if record is None:
        return
    lineage = record.lineage()
    searched = any(trial.score is not None for trial in record.trials)
    steps = [_step(run, name, trial, folder / str(trial.number) if searched else folder) for trial in lineage]
    own = {key: OmegaConf.select(run.config, key) for step in steps for key in step}
    config = run.config.copy()
    with open_dict(config):
        for other in [str(other) for other in config.candidates if str(other) != name]:
            del config.candidates[other]
        for key, value in steps[0].items():
            OmegaConf.update(config, key, value)
        config.budget = None
        config.search.trials = None
        pairs = zip(lineage[1:], steps[1:], strict=True)
        config.search.lineage = [_written_step(trial, {**own, **step}) for trial, step in pairs]
    about = f"# python -m framework replay {run.folder.path}\n"
    write_whole(run.folder.path / WINNER, about + OmegaConf.to_yaml(config, resolve=True))


def _step(run: Run, name: str, trial: SearchTrial, kept: Path) -> dict[str, Any]:
    """The settings of a trial, and the folder that its training is repeated from where the candidate can repeat one."""
    kind = run.candidates[name].options
    repeats = [one.name for one in fields(kind) if REPEATS.items() <= one.metadata.items()] if is_dataclass(kind) else []
    return {**trial.settings, **{f"candidates.{name}.{option}": str(kept.resolve()) for option in repeats}}


def _written_step(trial: SearchTrial, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A step of `search.lineage`: the settings, and how the trial uses the one before it; see `read_step`."""
    uses = {ANEW: trial.begin is None, AVERAGED: trial.averaged is not None}
    return {**settings, **{key: True for key, value in uses.items() if value}}


def read_step(step: Mapping[str, Any], before: int) -> tuple[dict[str, Any], int | None, bool]:
    """The settings of a step of `search.lineage`, the number of the trial that it begins with, None: it begins anew, and
    whether its weights are averaged with those of the trial before it. before: the number of that trial.
    """
    settings = {key: value for key, value in step.items() if key not in (ANEW, AVERAGED)}
    return settings, None if step.get(ANEW) else before, bool(step.get(AVERAGED))
