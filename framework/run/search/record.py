"""The record of a search: `trials/NAME/search.json`, from which a stopped search goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.run.folder import read_json, write_json

RECORD = "search.json"
STUDY = "study.db"
SAMPLES = "samples.npy"  # the metric on bootstrap samples of the validation rows, in the folder of a trial
FIRST = 0  # number of the trial with the recipe's own settings


@dataclass(frozen=True)
class SearchTrial:
    """One fit of a search that has ended."""

    number: int
    settings: Mapping[str, Any]
    """Values by full key of the recipe; keys that are not here have the recipe's own values."""
    begin: int | None
    """Number of the trial whose weights it began with; None: it began anew."""
    seconds: float
    """Of the whole trial: process, fit and validation."""
    peak_bytes: int
    score: float | None = None
    """The run's metric on validation; None: the trial was refused, or stopped early."""
    gain: float | None = None
    """How much better it is than the best trial before it; negative: worse. None for the first trial, and without a score."""
    spread: float | None = None
    """Standard error of `gain`, by the paired bootstrap over the validation rows."""
    lost: str = ""
    """Why it is not the best so far; empty: it was, when it ended."""
    stopped: bool = False
    """Whether it was stopped early, because earlier trials were better at the same share of their training."""
    averaged: int | None = None
    """Number of the trial with whose weights its own were averaged at the end; None: with none."""

    @property
    def built_on(self) -> int | None:
        """Number of the trial whose weights went into its own; None: it has none of another."""
        return self.begin if self.begin is not None else self.averaged


@dataclass(frozen=True)
class SearchRecord:
    """All trials of the search of one candidate."""

    candidate: str
    metric: str
    best: int = FIRST
    trials: tuple[SearchTrial, ...] = ()
    """In the order in which they ended; the first has the recipe's own settings."""
    scoring: float = 0.0
    """Seconds to answer the validation rows with the first fit."""
    ended: str = ""
    """Why the search ended; empty: it has not."""

    def trial(self, number: int) -> SearchTrial:
        return next(trial for trial in self.trials if trial.number == number)

    def with_trial(self, trial: SearchTrial, best: int) -> SearchRecord:
        return replace(self, trials=(*self.trials, trial), best=best)

    def lineage(self) -> list[SearchTrial]:
        """The trials that lead to the best one, each continuing the one before, or averaged with it."""
        chain = [self.trial(self.best)]
        while (before := chain[0].built_on) is not None:
            chain.insert(0, self.trial(before))
        return chain


def read_record(folder: Path) -> SearchRecord | None:
    """The record in the folder of a candidate's trials; None where no search began. Raises InputError as `read_json`."""
    return read_json(SearchRecord, folder / RECORD)


def write_record(folder: Path, record: SearchRecord) -> None:
    write_json(folder / RECORD, record)
