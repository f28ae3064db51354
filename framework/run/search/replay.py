"""`winner.yaml`: the recipe that fits the winner of a run again, with what its time and its search decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf, open_dict

from framework.contracts.options import REPEATS
from framework.machine.disk import write_whole
from framework.run.context import Run
from framework.run.search.record import SearchTrial, read_record

WINNER = "winner.yaml"
ANEW, AVERAGED = "begins_anew", "averaged"  # keys of a step beside its settings, where they are true


@dataclass(frozen=True)
class Step:
    """A fit of `search.lineage`, after the first one."""

    settings: Mapping[str, Any]
    """By full key of the recipe."""
    begins_anew: bool
    """Whether it does not begin with the weights of the fit before it."""
    averaged: bool
    """Whether its weights are averaged with those of the fit before it."""

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Step:
        """From what `written` returned."""
        settings = {key: value for key, value in written.items() if key not in (ANEW, AVERAGED)}
        return cls(settings, bool(written.get(ANEW)), bool(written.get(AVERAGED)))

    def written(self) -> dict[str, Any]:
        """As it is in `winner.yaml`."""
        uses = {ANEW: self.begins_anew, AVERAGED: self.averaged}
        return {**self.settings, **{key: True for key, value in uses.items() if value}}


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
        config.search.lineage = [
            Step({**own, **step}, trial.begin is None, trial.averaged is not None).written()
            for trial, step in zip(lineage[1:], steps[1:], strict=True)
        ]
    about = f"# python -m framework replay {run.folder.path}\n"
    write_whole(run.folder.path / WINNER, about + OmegaConf.to_yaml(config, resolve=True))


def _step(run: Run, name: str, trial: SearchTrial, kept: Path) -> dict[str, Any]:
    """The settings of a trial, and the folder that its training is repeated from where the candidate can repeat one."""
    kind = run.candidates[name].options
    repeats = [one.name for one in fields(kind) if REPEATS.items() <= one.metadata.items()] if is_dataclass(kind) else []
    return {**trial.settings, **{f"candidates.{name}.{option}": str(kept.resolve()) for option in repeats}}
