"""The settings of the next trial: those of the best with some changed, which no trial had."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.run.search.moves import Move
from framework.run.search.record import SearchRecord
from framework.run.search.spaces import RunSpace
from framework.run.search.study import Ended, Study
from framework.training.records import VALIDATIONS

AT_ONCE = 3  # options that a trial which begins anew changes, at most
REDRAWS = 10  # attempts to draw settings that no trial had


class Proposals:
    """Proposes settings, from a study for each kind of trial. Its errors are those of `Study`."""

    def __init__(self, folder: Path, space: RunSpace, seed: int, maximize: bool, say: Callable[[str], None]) -> None:
        """folder: of the candidate's trials. seed: the run's. maximize: whether larger values of the metric are better."""
        self.folder, self.space, self.seed = folder, space, seed
        self.studies = {
            move: Study(folder, move.value, dimensions, maximize, say)
            for move, dimensions in ((Move.fresh, space.fresh), (Move.onward, space.onward))
            if dimensions
        }

    @property
    def moves(self) -> list[Move]:
        """The kinds of trial that the space allows."""
        return list(self.studies)

    def next(self, record: SearchRecord, move: Move, number: int) -> dict[str, Any] | None:
        """Settings that no trial had, and begins the trial; None where there are none. They are drawn around those of the best,
        for a fit that begins anew around those of the last one in its lineage that did.

        number: of the trial.
        """
        lineage = record.lineage()
        best = next(trial for trial in reversed(lineage) if move is Move.onward or trial.begin is None).settings
        random = np.random.default_rng((self.seed, number))
        study, begin = self.studies[move], record.best if move is Move.onward else None
        keys = list(study.distributions)
        for _ in range(REDRAWS):
            most = len(keys) if move is Move.onward else min(len(keys), int(random.integers(1, AT_ONCE + 1)))
            varied = random.choice(keys, size=most, replace=False).tolist()
            base = {**self.space.values, **best}
            drawn = study.propose(self._ended(record, move), number, base, varied, int(random.integers(2**31)))
            settings = self._changed({**best, **{key: _rounded(value) for key, value in drawn.items()}})
            if not any(trial.begin == begin and trial.settings == settings for trial in record.trials):
                return settings
            study.cancel()
        return None

    def falls_behind(self, record: SearchRecord, move: Move, validations: Path) -> bool:
        """Whether the running trial is to be stopped. validations: the file in which it writes its metric."""
        if not self.space.compared_early:
            return False
        return self.studies[move].falls_behind(self._ended(record, move), read_validations(validations))

    def tell(self, record: SearchRecord, move: Move) -> None:
        """Ends the running trial, which is the last of the record."""
        self.studies[move].tell(self._ended(record, move))

    def _changed(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that differ from the recipe's own."""
        own = self.space.values
        return {key: value for key, value in settings.items() if key not in own or own[key] != value}

    def _ended(self, record: SearchRecord, move: Move) -> list[Ended]:
        """The trials of a kind that have ended, for the study."""
        return [
            Ended(
                trial, {**self.space.values, **trial.settings}, read_validations(self.folder / str(trial.number) / VALIDATIONS)
            )
            for trial in record.trials
            if Move.of(trial) is move
        ]


@dataclass
class Look:
    """Asks whether a running trial is to be stopped, each time that it has validated."""

    validations: Path
    """The file in which it writes its metric."""
    falls_behind: Callable[[Path], bool]
    size: int = 0

    def __call__(self) -> bool:
        before, self.size = self.size, self.validations.stat().st_size if self.validations.is_file() else 0
        return self.size != before and self.falls_behind(self.validations)


def read_validations(path: Path) -> list[tuple[float, float]]:
    """The shares of the training and metrics that a trial has written so far; a line that is being written is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [(share, value) for share, value in map(json.loads, lines)]


def _rounded(value: Any) -> Any:
    """Three digits of a number, which are enough to fit with and easier to read."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
