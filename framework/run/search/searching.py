"""Searches better settings for a fitted candidate while its share of the budget lasts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from framework.contracts.candidate import Budget
from framework.contracts.message import Message, joined, message
from framework.contracts.task import TaskData
from framework.evaluation.opened import Opened
from framework.export.variants import STATEFUL_ROWS
from framework.machine.interrupts import Stopped
from framework.run.context import Run
from framework.run.fit import TRIAL, Trial
from framework.run.fits.process import FitProcesses, Order, Result
from framework.run.folder import FITTED, read_json
from framework.run.search.adoption import adopt_best, discard, keep_first
from framework.run.search.moves import Move, by_promise, told_apart
from framework.run.search.proposals import Look, Proposals
from framework.run.search.record import FIRST, SAMPLES, SearchRecord, SearchTrial, read_record, write_record
from framework.run.search.replay import Step
from framework.run.search.scoring import score, spread_of_difference
from framework.run.search.sections import no_search, result_line, table
from framework.run.search.spaces import RunSpace, space_in
from framework.training.records import VALIDATIONS

GRACE = 1.0  # seconds that a trial may take beyond its time before it is ended
FAILURES = 3  # trials in a row without a fitted candidate after which the search ends


def searched(run: Run, name: str, data: TaskData, trial: Trial, left: Budget, processes: FitProcesses) -> Trial:
    """Searches settings of a candidate that was fitted with the recipe's own, and returns the trial of the best.

    left: the time for the search. processes: for its trials. Without a budget, only ``search.trials`` asks for one. Raises
    FrameworkError where the study is locked, or the disk refuses a write.
    """
    limit, lineage = run.config.search.trials, run.config.search.lineage
    section = run.folder.sections / f"search-{name}.json"
    record = read_record(run.folder.trial(name))
    if record is not None and record.ended:
        run.console.recall(section)
        return trial
    if (
        trial.refused
        or not run.trains
        or run.budget.stop.asked
        or run.folder.selection.is_file()
        or limit == 0
        or (left.seconds is None and limit is None and not lineage)
    ):
        return trial
    space = space_in(run, run.candidates[name], data)
    if not space and not lineage:
        return trial
    if not lineage and find_spec("optuna") is None:
        run.console.say("no search: it needs optuna, which is not installed; pip install 'recipe-framework[train]'")
        return trial
    fitted = run.folder.sections / f"fit-{name}.json"
    before = fitted.read_text(encoding="utf-8")
    with run.console.recorded(section):
        search = Search(run, name, space, data, trial, left, record, processes)
        if lineage:
            search.replay([dict(settings) for settings in lineage])
        else:
            search.go(limit)
    write_record(search.folder, search.record)  # with the end, once the section is stored
    if fitted.read_text(encoding="utf-8") != before:  # the report is about the best trial alone
        run.console.forget(before)
        run.console.recall(fitted)
    return read_json(Trial, search.folder / TRIAL) or trial


def why_lost(gain: float, spread: float, best: int, *, mean: bool) -> str:
    """Why a trial does not take the place of the best; empty: it does, by a gain above its standard error. Of a mean with the
    best any gain is enough, as in greedy soups (Wortsman et al. 2022).

    best: number of the best trial so far. mean: whether the weights of the trial are averaged with those of the best.
    """
    if gain > (0.0 if mean else spread):
        return ""
    if gain > 0:
        return message("better than trial {best} by less than the spread", best=best)
    return message("not better than trial {best}", best=best)


class Search:
    """The search of one candidate. Everything that it knows is in its record after each trial."""

    def __init__(
        self,
        run: Run,
        name: str,
        space: RunSpace,
        data: TaskData,
        trial: Trial,
        left: Budget,
        record: SearchRecord | None,
        processes: FitProcesses,
    ) -> None:
        """trial: of the first fit. left: the time for the search. record: of an earlier process; None: the search begins."""
        self.run, self.name, self.space, self.data, self.left, self.processes = run, name, space, data, left, processes
        self.folder = run.folder.trial(name)
        self.first = trial if record is None else replace(trial, seconds=record.trial(FIRST).seconds)
        own = SearchTrial(FIRST, {}, None, trial.seconds, trial.peak_bytes)
        self.record = record or SearchRecord(name, run.metric.name, trials=(own,))
        self.proposals = Proposals(self.folder, space, run.config.seed, run.metric.maximize, run.console.say)

    def go(self, limit: int | None) -> None:
        """Fits trial after trial until the time, or the number `limit`, is used up, or nothing is to be gained."""
        if limit is None and not self._fitting():
            self._end(message("one fit of {name} takes the whole time: no search", name=self.name), shown=False)
            self.run.console.show(no_search(self.record, self.run.candidates[self.name].title, self.left.remaining()))
            return
        self._begin()
        while not (reason := self._over(limit, moves := self._fitting())):
            try:
                if not self._next(moves):
                    reason = message("no other settings are left to try")
                    break
            except Stopped:
                shutil.rmtree(self.folder / str(len(self.record.trials)), ignore_errors=True)
        self._end(reason)

    def replay(self, lineage: Sequence[Mapping[str, Any]]) -> None:
        """Fits the settings one after the other, each with the fit before it as `winner.yaml` says, and takes the last."""
        self._begin()
        for number, step in enumerate(map(Step.read, lineage), start=1):
            if any(trial.number == number for trial in self.record.trials):
                continue
            begin = None if step.begins_anew else number - 1
            result = self._fit(number, step.settings, begin, beside=step.averaged)
            lost = "" if result.score is not None else joined(result.refused, "; ")
            trial = replace(self._trial(number, step.settings, begin, result), lost=lost)
            self._note(trial, number if not lost else self.record.best)
            if lost:
                break
        self._end(message("the trials of another run are repeated"))

    def _fitting(self) -> list[Move]:
        """The kinds of trial for which there is time."""
        if self.left.seconds is None:
            return self.proposals.moves
        return [
            move
            for move in self.proposals.moves
            if move.expected_seconds(self.record, self.first.seconds) + self._scoring() <= self.left.remaining()
        ]

    def _scoring(self) -> float:
        """Expected seconds to score the next trial and, where that is still to be done, the first fit."""
        if self.record.scoring or self.first.speed is None:
            return self.record.scoring
        rows = len(self.data.splits.validation)
        return 2 * self.first.speed.row * (min(rows, STATEFUL_ROWS) if self.first.speed.stateful else rows)

    def _over(self, limit: int | None, moves: Sequence[Move]) -> Message | None:
        """Why the search ends; None: it goes on. moves: the kinds of trial for which there is time."""
        further = self.record.trials[1:]
        if self.run.budget.stop.asked:
            return message("stopped by the user")
        if limit is not None and len(further) >= limit:
            return message("search.trials={limit} are done", limit=limit)
        if not moves:
            return message("no time is left for another trial")
        if len(further) >= FAILURES and all(trial.score is None and not trial.stopped for trial in further[-FAILURES:]):
            return message("its last {count} trials failed", count=FAILURES)
        if self._is_perfect():
            return message("the validation rows leave nothing to gain")
        if not told_apart(self.record):
            return message("{rows:,} validation rows do not tell the trials apart", rows=len(self.data.splits.validation))
        return None

    def _begin(self) -> None:
        """Scores the first fit, and removes what a killed process left of a trial that had not ended."""
        done = {str(trial.number) for trial in self.record.trials}
        for path in self.folder.iterdir():
            if path.is_dir() and path.name.isdecimal():
                discard(path) if path.name in done else shutil.rmtree(path)
        if self.record.trial(FIRST).score is not None:
            return
        started = time.perf_counter()
        kept = keep_first(self.folder)
        opened = Opened.of(self.run.candidates[self.name], self.folder / FITTED)
        scored = score(self.run.task, self.run.metric, opened, self.data.splits.validation, self.run.config.seed)
        np.save(kept / SAMPLES, scored.samples, allow_pickle=False)
        scoring = time.perf_counter() - started
        self.record = replace(self.record, trials=(replace(self.record.trial(FIRST), score=scored.score),), scoring=scoring)
        write_record(self.folder, self.record)

    def _next(self, moves: Sequence[Move]) -> bool:
        """Fits the next trial, and adopts it where it is better. Returns False where all settings of `moves` were tried."""
        for move in by_promise(moves, self.record, self.first.seconds, self._spread() or 1e-9):
            settings = self.proposals.next(self.record, move, len(self.record.trials))
            if settings is not None:
                self._try(move, settings)
                return True
        return False

    def _try(self, move: Move, settings: Mapping[str, Any]) -> None:
        number, earlier = len(self.record.trials), self.record
        begin = earlier.best if move is Move.onward else None
        result = self._fit(number, settings, begin, lambda path: self.proposals.falls_behind(earlier, move, path))
        trial = self._judged(self._trial(number, settings, begin, result), result)
        self._note(trial, number if not trial.lost else self.record.best)
        self.proposals.tell(self.record, move)

    def _trial(self, number: int, settings: Mapping[str, Any], begin: int | None, result: Result) -> SearchTrial:
        """The trial of a fit that has ended, before it is judged. Parameters as of `_fit`."""
        averaged = self.record.best if result.averaged else None
        return SearchTrial(number, settings, begin, result.seconds, result.peak_bytes, result.score, averaged=averaged)

    def _fit(
        self,
        number: int,
        settings: Mapping[str, Any],
        begin: int | None,
        behind: Callable[[Path], bool] = lambda path: False,
        *,
        beside: bool = True,
    ) -> Result:
        """beside: whether its weights may be averaged with those of the best so far."""
        trial = self.folder / str(number)
        until = None if self.left.seconds is None else time.time() + self.left.remaining()
        deadline = None if self.left.seconds is None else time.monotonic() + self.left.remaining() + GRACE
        best = str(self.folder / FITTED)
        order = Order(
            str(self.run.folder.path.resolve()),
            self.name,
            self.run.competing,
            settings=settings,
            begin=best if begin is not None else None,
            beside=best if beside else None,
            until=until,
            scoring=self.record.scoring,
        )
        with self.run.budget.stop.giving_up(f"trial {number} of {self.name}"):
            return self.processes.fit(trial, order, Look(trial / VALIDATIONS, behind), deadline)

    def _judged(self, trial: SearchTrial, result: Result) -> SearchTrial:
        """The trial with its gain over the best so far, and why it lost."""
        best = self.record.trial(self.record.best)
        if trial.score is None or best.score is None:
            refused = (
                joined(result.refused, "; ")
                if result.refused
                else message("worse than half of the trials before it: stopped early")
            )
            return replace(trial, lost=refused, stopped=result.stopped)
        gain = self.run.metric.gain(trial.score, best.score)
        spread = spread_of_difference(self._samples(trial.number), self._samples(best.number))
        lost = why_lost(gain, spread, best.number, mean=trial.averaged is not None)
        return replace(trial, gain=gain, spread=spread, lost=lost)

    def _note(self, trial: SearchTrial, best: int) -> None:
        """Records a trial that has ended, and moves its files or removes them."""
        self.record = self.record.with_trial(trial, best)
        write_record(self.folder, self.record)
        if best == trial.number:
            adopt_best(self.run.folder, self.name)
        discard(self.folder / str(trial.number))
        self.run.state.note(self.run.folder.path, seconds=self.run.budget.elapsed())
        self.run.console.say(result_line(self.record, trial, self.left.remaining()))

    def _samples(self, number: int) -> np.ndarray:
        samples: np.ndarray = np.load(self.folder / str(number) / SAMPLES, allow_pickle=False)
        return samples

    def _spread(self) -> float:
        """The standard error of the best trial's score, which a kind of trial that was never tried is taken to gain."""
        return float(np.std(self._samples(self.record.best)))

    def _is_perfect(self) -> bool:
        """Whether all rows are answered right: every sample of them has the same score, and it is not that of all wrong."""
        best = self.record.trial(self.record.best).score
        return not self._spread() and bool(best) is self.run.metric.maximize

    def _end(self, reason: Message | None, *, shown: bool = True) -> None:
        assert reason is not None, "a search ends for a reason"
        self.record = replace(self.record, ended=reason)
        if shown:
            self.run.console.show(table(self.record, self.run.candidates[self.name].title))
