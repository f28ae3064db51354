"""Stage "fit": fits every candidate into the folder of its trial, from which later stages read the fitted candidate."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from framework.artifact.manifest import sha256
from framework.contracts.candidate import Budget, read_fitted
from framework.contracts.message import joined, message
from framework.contracts.section import Section
from framework.contracts.task import TaskData
from framework.contracts.tracker import TrainingLog
from framework.errors import FrameworkError, InputError
from framework.evaluation.opened import Opened
from framework.machine.disk import shown, write_whole
from framework.machine.interrupts import Stopped
from framework.machine.memory import is_out_of_memory, peak_bytes
from framework.plugins import AnyCandidate
from framework.report.curves import training_curves
from framework.run.context import Run
from framework.run.fits.apart import begin_processes, belongs_apart, fit_apart
from framework.run.fits.fitting import fit_candidate
from framework.run.fits.process import FitProcesses
from framework.run.folder import ANSWERS, FITTED, read_json, write_json
from framework.run.readiness import refusals
from framework.run.remaining_time import Rows, Speed, budget_of_fit, expect_end, measure_speed
from framework.run.search.record import RECORD

TRIAL = "trial.json"
OPTIONS = "options.yaml"
OUT_OF_MEMORY = message("its fit ran out of memory; fewer rows a step, shorter texts or a smaller backbone need less")
NOT_BEGUN = message("not begun: the user had stopped the run")


@dataclass(frozen=True)
class Trial:
    """The record of a fit that has ended."""

    candidate: str
    seconds: float
    peak_bytes: int
    """Peak memory of the process that fitted it, up to the end of the fit; of a refused one, of the run's process."""
    refused: tuple[str, ...] = ()
    """Reasons why the candidate was not fitted, a sentence each; empty: it was fitted."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each file in the fitted folder, by path in that folder."""
    speed: Speed | None = None
    """How fast the fitted candidate answers; None: the candidate was refused."""
    allowed: float | None = None
    """Seconds that the budget allowed for the fit; None: no limit."""
    rows: int | None = None
    """Training rows that it learned from; None: it does not say."""
    stopped: bool = False
    """Whether the candidate was refused because the user stopped the run; a resumed run fits it."""


def fit(run: Run, data: TaskData, trackers: Sequence[TrainingLog], test_rows: int) -> dict[str, Trial]:
    """Fits all candidates, baselines first, and returns their trials by name; trials of earlier processes are kept.

    test_rows: number of test rows. Raises InputError if all competing candidates are refused.
    """
    run.console.step("fit")
    order = sorted(run.candidates, key=lambda name: _turn(run, run.candidates[name]))
    trials: dict[str, Trial] = {}
    rows = Rows(len(data.splits.validation), test_rows)
    from framework.run.search.searching import searched  # which imports this module

    earlier = {name: trial for name in order if (trial := _earlier_trial(run, name)) is not None}
    with begin_processes(run, order, earlier) as processes:
        for place, name in enumerate(order):
            if name in earlier:
                trials[name] = earlier[name]
                run.console.recall(run.folder.sections / f"fit-{name}.json")
            else:
                budget = partial(budget_of_fit, run, name, _speeds(trials), rows, 1 / (len(order) - place))
                trials[name] = run_trial(run, run.candidates[name], data, budget, trackers, processes)
            expect_end(run, _speeds(trials), rows)
            if name in run.competing:
                left = _budget_of_search(run, name, trials, rows, len(order) - place)
                trials[name] = searched(run, name, data, trials[name], left, processes)
    if run.budget.stop.asked:
        run.console.say(f"\nstopped; {run.stopping.remaining()}")
    reasons = [reason for name in run.competing for reason in trials[name].refused]
    if all(trials[name].refused for name in run.competing):
        raise InputError(*dict.fromkeys(reasons))
    return trials


def _turn(run: Run, candidate: AnyCandidate) -> tuple[bool, bool]:
    """By which candidates are sorted for their fits: baselines first, and where time is short the trainings last."""
    return candidate.role == "model", bool(candidate.fit_modules) and run.budget.seconds is not None


def _speeds(trials: Mapping[str, Trial]) -> dict[str, Speed | None]:
    return {name: trial.speed for name, trial in trials.items()}


def _budget_of_search(run: Run, name: str, trials: Mapping[str, Trial], rows: Rows, unfitted: int) -> Budget:
    """What remains of the share of a candidate that was fitted. unfitted: candidates that had not been, this one included."""
    try:
        budget = budget_of_fit(run, name, _speeds(trials), rows, 1.0)
    except InputError:  # no time is left
        return run.budget.share(0)
    left, spent = budget.remaining(), trials[name].seconds
    return budget.share(max(0.0, (left + spent) / unfitted - spent) / left) if left else budget


def _earlier_trial(run: Run, name: str) -> Trial | None:
    """The trial of an earlier process whose fitted files are undamaged; None: the candidate must be fitted.

    Raises InputError if the run does not train and a fit is missing or damaged.
    """
    from framework.run.search.adoption import adopt_best  # which imports this module

    folder = run.folder.trial(name)
    adopt_best(run.folder, name)
    trial = read_json(Trial, folder / TRIAL)
    if trial is None:
        if not run.trains and name in run.competing:
            raise InputError(
                f"the training of {shown(run.folder.path)} has not ended: python -m framework resume {shown(run.folder.path)}"
            )
        return None
    damaged = [file for file, digest in trial.files.items() if _digest(folder / FITTED / file) != digest]
    if not damaged:
        return trial
    lost = f"{shown(folder / FITTED / damaged[0])}, of the fitted {name}, is missing or damaged"
    if not run.trains:
        raise InputError(f"{lost}: the recipe must be run again")
    run.console.say(lost)
    if (folder / RECORD).is_file():  # a refit has the recipe's own settings, and other files than the best trial of a search
        shutil.rmtree(folder)
    else:
        (folder / TRIAL).unlink()
    return None


def _digest(path: Path) -> str:
    return sha256(path) if path.is_file() else ""


def run_trial(
    run: Run,
    candidate: AnyCandidate,
    data: Any,
    budget: Callable[[], Budget],
    trackers: Sequence[TrainingLog],
    processes: FitProcesses | None = None,
    **changes: Any,
) -> Trial:
    """Fits a candidate, or records why it is refused. Raises InputError if the fit of the only competing candidate raises it.

    budget: returns that of this fit, or raises InputError where no time is left for it. processes: for a fit that belongs into
    one of its own; None: it is fitted in this one. changes: as for `fit_candidate`, in this process.
    """
    folder = run.folder.trial(candidate.name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ANSWERS).unlink(missing_ok=True)
    write_whole(folder / OPTIONS, OmegaConf.to_yaml(OmegaConf.structured(run.options_of(candidate))))
    started = time.perf_counter()
    with run.console.recorded(run.folder.sections / f"fit-{candidate.name}.json"):
        outcome = _outcome(run, candidate, data, budget, trackers, processes, changes)
        seconds = round(time.perf_counter() - started, 1)
        files = {} if outcome.refused else _digests(folder / FITTED)
        speed = _speed(run, candidate, data) if files else None
        learned = read_fitted(folder / FITTED).facts.rows if files else None
        peak = outcome.peak_bytes or peak_bytes()
        trial = Trial(candidate.name, seconds, peak, outcome.refused, files, speed, outcome.allowed, learned, outcome.stopped)
        _show(run, candidate, trial)
    write_json(folder / TRIAL, trial)
    run.state.note(run.folder.path, seconds=run.budget.elapsed())
    return trial


@dataclass(frozen=True)
class _Outcome:
    """Whether a candidate was fitted. The fields are those of `Trial`."""

    refused: tuple[str, ...] = ()
    allowed: float | None = None
    stopped: bool = False
    peak_bytes: int | None = None
    """Of its own process; None: it had none, or was refused."""


def _outcome(
    run: Run,
    candidate: AnyCandidate,
    data: Any,
    budget: Callable[[], Budget],
    trackers: Sequence[TrainingLog],
    processes: FitProcesses | None,
    changes: Mapping[str, Any],
) -> _Outcome:
    """Fits a candidate, unless it is refused. Parameters and errors as of `run_trial`."""
    if run.budget.stop.asked:
        return _Outcome((NOT_BEGUN,), stopped=True)
    if refused := tuple(refusals(run.config, candidate, data, run.options, run.options_of(candidate))):
        return _Outcome(refused)
    alone, started = run.competing == [candidate.name], time.perf_counter()
    allowed = run.budget.share(0).seconds  # where no time is left for the fit
    try:
        share = budget()
        allowed = share.seconds
        with run.live(candidate.title) as progress, run.budget.stop.giving_up(f"the fit of {candidate.name}"):
            if processes is not None and belongs_apart(run, candidate):
                peak = fit_apart(processes, run, candidate, share, trackers, progress)
                return _Outcome(allowed=allowed, peak_bytes=peak)
            fit_candidate(run, candidate, data, budget=share, logs=trackers, progress=progress, **changes)
    except Stopped:
        return _Outcome((_stopped_after(time.perf_counter() - started),), allowed, stopped=True)
    except InputError as error:
        if alone:
            raise
        return _Outcome(tuple(error.problems), allowed)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if alone:
            raise FrameworkError(OUT_OF_MEMORY) from error
        return _Outcome((OUT_OF_MEMORY,), allowed)
    return _Outcome(allowed=allowed)


def _stopped_after(seconds: float) -> str:
    return message("stopped by the user after {seconds:.0f} s", seconds=seconds)


def _speed(run: Run, candidate: AnyCandidate, data: TaskData) -> Speed:
    for module in candidate.fit_modules:  # which costs once a process, and so is no part of opening
        with suppress(ImportError):
            import_module(module)
    started = time.perf_counter()
    opened = Opened.of(candidate, run.folder.trial(candidate.name) / FITTED)
    return measure_speed(run.task, opened, data.splits.validation, time.perf_counter() - started)


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of every file in the folder, by path in the folder."""
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _show(run: Run, candidate: AnyCandidate, trial: Trial) -> None:
    if trial.refused:
        run.console.show(Section(message("{title} is left out", title=candidate.title), note=joined(trial.refused)))
        return
    for section in training_curves(run.folder.trial(candidate.name), run.metric):
        run.console.show(section)
    run.console.say(f"{candidate.title}: fitted in {trial.seconds} s")
    facts = read_fitted(run.folder.trial(candidate.name) / FITTED).facts
    lines = [(name, _readable(value)) for name, value in facts.lines()]
    if lines:
        title = message("About the {title}", title=candidate.title)
        run.console.show(Section(title, ("", ""), [*lines, (message("fit seconds"), trial.seconds)]))


def _readable(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
