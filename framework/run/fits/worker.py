"""The fork server of fits, ``python -m framework.run.fits.worker PARENT MODULE...``: imports the modules, and forks a process
for each folder that a line of its standard input names. That fits one candidate as the order in the folder says.

Its standard output says the pid of each process, a line, and then its exit code, another.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing.util import _exit_function  # type: ignore[attr-defined]  # what multiprocessing calls at an exit
from pathlib import Path
from typing import NoReturn

import numpy as np
from omegaconf import DictConfig, OmegaConf, open_dict

from framework.contracts.candidate import Budget, read_fitted
from framework.contracts.task import TaskData
from framework.data.stored import stored_splits
from framework.errors import FrameworkError, InputError, RankFailedError
from framework.evaluation.opened import Opened
from framework.machine.disk import explain
from framework.machine.interrupts import Stopped, Stopping
from framework.machine.memory import is_out_of_memory, peak_bytes
from framework.plugins import load_plugins
from framework.recipe.compose import recompose
from framework.recipe.validation import metric_of, options_of
from framework.report.console import Console
from framework.report.privacy import disclosure_of
from framework.run.context import Run
from framework.run.fit import OUT_OF_MEMORY, run_trial
from framework.run.fits.fitting import fit_candidate
from framework.run.fits.process import MODULE, ORDER, OUTPUT, RESULT, Order, Result
from framework.run.fits.telling import Teller, ToldConsole, ToldLog
from framework.run.folder import CONFIG, FITTED, RunFolder, RunState, read_json, write_json
from framework.run.load import without_test
from framework.run.search.record import SAMPLES
from framework.run.search.scoring import score

FIT = "fit"  # in place of PARENT, before a folder: fits in this process
OOM_SCORE = Path("/proc/self/oom_score_adj")  # from -1000 to 1000; the process with the highest is ended first
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends


@dataclass(frozen=True)
class FitFolder(RunFolder):
    """The folder of one fit, which leaves its files there as in the folder of a run."""

    def trial(self, candidate: str) -> Path:
        return self.path


def main(parent: int, modules: Sequence[str]) -> int:
    _end_with(parent)
    _end_first()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    for name in modules:
        try:
            import_module(name)
        except Exception:  # the fit meets it again, and says so
            traceback.print_exc()
    server = os.getpid()
    for line in sys.stdin.buffer:
        pid = os.fork()
        if not pid:
            answers.close()
            _begin(Path(os.fsdecode(line[:-1])), server)
        with suppress(OSError):  # the process itself does the same
            os.setpgid(pid, pid)
        print(pid, file=answers, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    return 0


def _begin(folder: Path, server: int) -> NoReturn:
    """What a forked process does: everything, and its end."""
    code = 1
    try:
        os.setpgid(0, 0)  # so that the run can end it with the processes that it starts
        _end_with(server)
        with (folder / OUTPUT).open("ab") as output, Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), sys.stdin.fileno())
            for stream in (sys.stdout, sys.stderr):
                os.dup2(output.fileno(), stream.fileno())
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda._is_in_bad_fork():  # a module asked for GPUs: a forked process has none
            os.execv(sys.executable, [sys.executable, "-m", MODULE, FIT, str(folder)])  # noqa: S606
        code = fit_as_ordered(folder)
    except BaseException:  # nothing may go on in a copy of the fork server
        traceback.print_exc()
    finally:
        for act in (_exit_function, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
            with suppress(BaseException):
                act()
        os._exit(code)


def fit_as_ordered(folder: Path) -> int:
    """Fits as order.json says, and leaves result.json. Returns 0 also where the candidate is refused."""
    order = read_json(Order, folder / ORDER)
    assert order is not None, "the run writes the order before it asks for this process"
    started = time.perf_counter()
    result = replace(_result(order, folder), seconds=round(time.perf_counter() - started, 1))
    write_json(folder / RESULT, result)
    return 0


def _end_with(parent: int) -> None:
    """On Linux, ends this process when its parent ends: a run that is killed and resumed has one fit at a time."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the run has ended")


def _end_first() -> None:
    """Makes the system end this process before the run's where memory is used up."""
    with suppress(OSError):  # another system than Linux
        OOM_SCORE.write_text("1000", encoding="utf-8")


def _result(order: Order, folder: Path) -> Result:
    """How the fit ends; `Result.seconds` is still to be set."""
    try:
        return _trial(order, folder) if order.searching else _first_fit(order, folder)
    except (Stopped, KeyboardInterrupt):
        return Result(0.0, 0, stopped=True)
    except InputError as error:
        return Result(0.0, 0, refused=tuple(error.problems))
    except Exception as error:  # out of memory on a GPU, a full disk, a fault of the candidate
        if is_out_of_memory(error):
            return Result(0.0, 0, refused=(OUT_OF_MEMORY,))
        refusal = str(error) if isinstance(error, FrameworkError) else explain(error, folder)
        if refusal and not order.searching and not isinstance(error, RankFailedError):
            return Result(0.0, 0, failure=refusal)
        traceback.print_exc()
        return Result(0.0, 0, refused=(refusal or f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}",))


def _first_fit(order: Order, folder: Path) -> Result:
    teller = Teller(folder)
    run, data = _begun(order, folder, teller)
    run.stopping.expect(0.0, order.competing)  # so that the user keeps what a training has learned
    logs = [ToldLog(name, teller) for name in order.trackers]
    with run.stopping.listening(), run.budget.stop.giving_up(f"the fit of {order.candidate}"):
        fit_candidate(
            run,
            run.candidates[order.candidate],
            data,
            budget=run.budget,
            competing=order.competing,
            progress=teller.progress,
            logs=logs,
        )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is fitted is kept
    return Result(0.0, peak_bytes())


def _trial(order: Order, folder: Path) -> Result:
    run, data = _begun(order, folder, None)
    candidate = run.candidates[order.candidate]
    begin, beside = (Path(earlier) if earlier else None for earlier in (order.begin, order.beside))
    run.console.step("fit")
    trial = run_trial(
        run, candidate, data, lambda: run.budget, trackers=(), begin=begin, beside=beside, competing=order.competing
    )
    opened = Opened.of(candidate, folder / FITTED)
    scored = score(run.task, run.metric, opened, data.splits.validation, run.config.seed)
    np.save(folder / SAMPLES, scored.samples, allow_pickle=False)
    averaged = beside is not None and read_fitted(folder / FITTED).facts.networks > read_fitted(beside).facts.networks
    return Result(0.0, trial.peak_bytes, scored.score, averaged=averaged)


def _begun(order: Order, folder: Path, teller: Teller | None) -> tuple[Run, TaskData]:
    """The run's recipe with the settings of the fit, whose only candidate it names, in the folder of the fit; and its rows.

    teller: through which the console speaks; None: its lines stay in the folder.
    """
    config = recompose(Path(order.run) / CONFIG)
    change(config, order)
    task = load_plugins().task(config.task.name)
    options = options_of(config.task, task.options)
    candidate = load_plugins().candidates_of(task.name)[order.candidate]
    problems = candidate.problems(options, OmegaConf.to_object(config.candidates[order.candidate]))
    if problems:
        raise InputError(*problems)
    seconds = None if order.until is None else max(0.0, order.until - time.time() - order.scoring)
    disclosure, budget = disclosure_of(config), Budget(seconds, answers=order.answers, beyond=order.beyond)
    console = Console(folder, disclosure) if teller is None else ToldConsole(folder, disclosure, teller)
    run = Run(
        config,
        RunState("", str(Path.cwd())),
        FitFolder(folder),
        console,
        task,
        options,
        metric_of(config, task, options),
        {order.candidate: candidate},
        budget,
        Stopping(budget.stop, lambda line: None, folder),  # the run says what a Ctrl-C does
        again=False,
        trains=True,
    )
    splits = stored_splits(Path(order.run) / "data")
    if splits is None:
        raise FrameworkError(f"{order.run}/data is missing: the rows that the run was fitted with")
    return run, without_test(run, splits)


def change(config: DictConfig, order: Order) -> None:
    """Sets the settings of a fit in a composed recipe, in place, and removes the other candidates."""
    for key, value in order.settings.items():
        OmegaConf.update(config, key, value)
    if order.searching:
        config.trainer.enable_progress_bar = False
    with open_dict(config):
        for name in [str(name) for name in config.candidates if name != order.candidate]:
            del config.candidates[name]


if __name__ == "__main__":
    sys.exit(fit_as_ordered(Path(sys.argv[2])) if sys.argv[1] == FIT else main(int(sys.argv[1]), sys.argv[2:]))
