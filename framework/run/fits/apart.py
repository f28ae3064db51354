"""First fits in processes of their own, in runs with a budget: where one fails, or takes too long, another candidate ships."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence

from framework.contracts.candidate import Budget
from framework.contracts.message import message
from framework.contracts.tracker import TrainingLog
from framework.errors import FrameworkError, InputError
from framework.machine.interrupts import Stopped
from framework.plugins import AnyCandidate
from framework.run.context import Run
from framework.run.fits.process import FitProcesses, Order
from framework.run.fits.telling import Listener

IMPORTING = 5.0  # seconds kept for importing, after the fit, what the run's process needs to open the candidate


def begin_processes(run: Run, names: Sequence[str], fitted: Collection[str]) -> FitProcesses:
    """The processes of the fits of a run, whose fork server begins to import where a first fit is to have one.

    names: of all candidates, in the order of their fits. fitted: those that are fitted already.
    """
    modules = [module for name in run.competing for module in run.candidates[name].fit_modules]
    processes = FitProcesses(run.folder.path / "trials", modules)
    later = [name for name in names if name in run.competing][1:]
    if may_be_apart(run) and any(run.candidates[name].fit_modules for name in later if name not in fitted):
        processes.begin()
    return processes


def may_be_apart(run: Run) -> bool:
    """Whether first fits may have processes of their own: in a run with a budget. With FRAMEWORK_DEBUG=1 none has, so that
    debuggers and tracebacks work.
    """
    return run.budget.seconds is not None and not os.environ.get("FRAMEWORK_DEBUG")


def belongs_apart(run: Run, candidate: AnyCandidate) -> bool:
    """Whether the first fit of a candidate has a process of its own: where another candidate could ship."""
    return bool(may_be_apart(run) and run.stopping.fitted and candidate.name in run.competing and candidate.fit_modules)


def fit_apart(
    processes: FitProcesses,
    run: Run,
    candidate: AnyCandidate,
    budget: Budget,
    logs: Sequence[TrainingLog],
    progress: Callable[[str], None],
) -> int:
    """Fits a candidate in a process of its own, which tells this one how far it is. Returns the peak of its memory in bytes.

    logs, progress: see `FitContext`. Raises InputError where the candidate is refused or its process dies, FrameworkError where
    the run cannot go on, and `Stopped` where the user stopped the run before anything was learned.
    """
    folder = run.folder.trial(candidate.name)
    listener = Listener(folder, run.console, progress, logs)

    def look() -> bool:
        listener.listen()
        return False

    importing = 0.0 if all(module in sys.modules for module in candidate.fit_modules) else IMPORTING
    order = Order(
        str(run.folder.path.resolve()),
        candidate.name,
        run.competing,
        until=time.time() + budget.without(importing).remaining(),
        searching=False,
        answers=budget.answers,
        beyond=budget.beyond,
        trackers=[log.name for log in logs],
    )
    deadline = time.monotonic() + max(0.0, run.budget.remaining() - run.stopping.seconds)
    result = processes.fit(folder, order, look, deadline)
    listener.listen()
    if run.budget.stop.asked and (result.stopped or result.refused):
        raise Stopped
    if result.failure:
        raise FrameworkError(result.failure)
    if result.stopped:
        raise InputError(message("its process was interrupted"))
    if result.refused:
        raise InputError(*result.refused)
    return result.peak_bytes
