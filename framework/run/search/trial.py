"""The process of a trial, ``python -m framework.run.search.trial FOLDER PARENT``: fits one candidate with changed settings."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf, open_dict

from framework.contracts.candidate import Budget, read_fitted
from framework.data.stored import stored_splits
from framework.errors import FrameworkError, InputError
from framework.evaluation.opened import Opened
from framework.machine.disk import explain
from framework.machine.interrupts import Stopping
from framework.plugins import load_plugins
from framework.recipe.compose import recompose
from framework.recipe.validation import metric_of, options_of
from framework.report.console import Console
from framework.report.privacy import disclosure_of
from framework.run.context import Run
from framework.run.fit import FITTED, run_trial
from framework.run.folder import CONFIG, RunFolder, RunState, read_json, write_json
from framework.run.load import without_test
from framework.run.search.process import ORDER, RESULT, Order, Result
from framework.run.search.record import SAMPLES
from framework.run.search.scoring import score

OOM_SCORE = Path("/proc/self/oom_score_adj")  # from -1000 to 1000; the process with the highest is ended first
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends


@dataclass(frozen=True)
class TrialFolder(RunFolder):
    """The folder of one trial of a search, in which a fit leaves its files as in the folder of a run."""

    def trial(self, candidate: str) -> Path:
        return self.path


def main(folder: Path, parent: int) -> int:
    """Fits and scores as order.json says, and leaves result.json. Returns 0 also where the candidate is refused."""
    _end_with(parent)
    _end_first()
    started = time.perf_counter()
    order = read_json(Order, folder / ORDER)
    assert order is not None, "the run writes the order before it starts this process"
    try:
        result = _fitted(order, folder)
    except FrameworkError as error:
        result = Result(0.0, 0, refused=tuple(getattr(error, "problems", (str(error),))))
    except Exception as error:  # out of memory on a GPU, a full disk, a fault of the candidate: this trial alone has failed
        reason = explain(error, folder) or f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        result = Result(0.0, 0, refused=(reason,))
    write_json(folder / RESULT, replace(result, seconds=round(time.perf_counter() - started, 1)))
    return 0


def _end_with(parent: int) -> None:
    """Ends this process when the run's process ends, so that a run that is killed and resumed has one trial at a time."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the run has ended")


def _end_first() -> None:
    """Makes the system end this process before the run's where memory is used up."""
    with suppress(OSError):  # another system than Linux
        OOM_SCORE.write_text("1000", encoding="utf-8")


def _fitted(order: Order, folder: Path) -> Result:
    run = _run(order, folder)
    splits = stored_splits(Path(order.run) / "data")
    if splits is None:
        raise FrameworkError(f"{order.run}/data is missing: the rows that the run was fitted with")
    data = without_test(run, splits)
    candidate = run.candidates[order.candidate]
    begin, beside = (Path(earlier) if earlier else None for earlier in (order.begin, order.beside))
    run.console.step("fit")
    trial = run_trial(
        run, candidate, data, lambda: run.budget, trackers=(), begin=begin, beside=beside, competing=order.competing
    )
    opened = Opened.of(candidate, folder / FITTED)
    scored = score(run.task, run.metric, opened, splits.validation, run.config.seed)
    np.save(folder / SAMPLES, scored.samples, allow_pickle=False)
    averaged = beside is not None and read_fitted(folder / FITTED).facts.networks > read_fitted(beside).facts.networks
    return Result(0.0, trial.peak_bytes, scored.score, averaged=averaged)


def _run(order: Order, folder: Path) -> Run:
    """The run's recipe with the settings of the trial, whose only candidate it names, in the folder of the trial."""
    config = recompose(Path(order.run) / CONFIG)
    change(config, order)
    task = load_plugins().task(config.task.name)
    options = options_of(config.task, task.options)
    candidate = load_plugins().candidates_of(task.name)[order.candidate]
    problems = candidate.problems(options, OmegaConf.to_object(config.candidates[order.candidate]))
    if problems:
        raise InputError(*problems)
    seconds = None if order.until is None else max(0.0, order.until - time.time() - order.scoring)
    console, budget = Console(folder, disclosure_of(config)), Budget(seconds)
    return Run(
        config,
        RunState("", str(Path.cwd())),
        TrialFolder(folder),
        console,
        task,
        options,
        metric_of(config, task, options),
        {order.candidate: candidate},
        budget,
        Stopping(budget.stop, console.say, folder),
        again=False,
        trains=True,
    )


def change(config: DictConfig, order: Order) -> None:
    """Sets the settings of a trial in a composed recipe, in place, and removes the other candidates."""
    for key, value in order.settings.items():
        OmegaConf.update(config, key, value)
    config.trainer.enable_progress_bar = False
    with open_dict(config):
        for name in [str(name) for name in config.candidates if name != order.candidate]:
            del config.candidates[name]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
