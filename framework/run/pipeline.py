"""A run from recipe to sealed artifact: stages that read files of the run's folder and write others."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from shlex import quote

from omegaconf import DictConfig

from framework.machine.disk import shown
from framework.run.context import Run, begin_run, reopen_run
from framework.run.exporting import export_finalists
from framework.run.fit import TRIAL, Trial, fit
from framework.run.folder import read_json
from framework.run.judging import judge_on_test
from framework.run.load import load, without_test
from framework.run.readiness import check_ready
from framework.run.reporting import report_run
from framework.run.sealing import finish, seal
from framework.run.search.replay import write_winner
from framework.run.selection import fitted_codec, select, shortlist
from framework.run.tracking import finish_trackers, tracked
from framework.runtime.model import as_argument


def start(config: DictConfig, recipe: str, folder: Path) -> Path:
    """Runs a composed recipe in a new folder and returns the folder.

    Raises FrameworkError; a failed run keeps its folder and log.
    """
    return run_stages(begin_run(config, recipe, folder))


def resume(config: DictConfig, folder: Path) -> Path:
    """Continues a stopped run after its last finished stage. Returns the run's folder. Raises FrameworkError."""
    return run_stages(reopen_run(config, folder, trains=True))


def export_again(config: DictConfig, folder: Path) -> Path:
    """Exports, judges and seals the fitted candidates of a run again, with changed settings.

    Returns the run's folder. Raises FrameworkError.
    """
    return run_stages(reopen_run(config, folder, trains=False))


def run_stages(context: AbstractContextManager[Run]) -> Path:
    """Runs all stages in order and returns the run's folder. Stages up to "judge" read results that are stored already."""
    with context as run:
        if run.again and run.trains:
            take_up_stopped(run)
        splits = load(run)
        data = without_test(run, splits)
        check_ready(run.config, run.task, [run.candidates[name] for name in run.competing], data)
        with tracked(run) as trackers:
            trials = fit(run, data, trackers, len(splits.test))
            selection = shortlist(run, splits, trials)
            if not run.trains:
                forget_files(run)
            reports = export_finalists(run, splits, selection)
            selection = select(run, selection, reports)
            write_winner(run, str(selection.winner))
            judgement = judge_on_test(run, splits, selection, reports, trials)

            run.console.step("report and artifact")
            report = reports[judgement.candidate]
            report_run(run, splits, report, judgement, selection)
            artifact = seal(run, splits, report, judgement)
            example = as_argument(fitted_codec(run, judgement.candidate).interface().example)
            address = finish(run)
    finish_trackers(trackers, judgement, report, artifact)  # outside `tracked`, because the run has succeeded
    run.console.say(f"artifact: {shown(artifact)}\nreport:   {shown(run.folder.path / 'report.html')}")
    run.console.say(f"next:     python -m framework predict {quote(str(shown(address)))} {quote(example)}")
    return run.folder.path


def take_up_stopped(run: Run) -> None:
    """Removes the records of fits that the user stopped, and what was decided without them, so that they are fitted."""
    records = [run.folder.trial(name) / TRIAL for name in run.candidates]
    stopped = [record for record in records if (trial := read_json(Trial, record)) is not None and trial.stopped]
    for path in [*stopped, run.folder.selection, run.folder.sections / "shortlist.json"] if stopped else ():
        path.unlink(missing_ok=True)
    if stopped:
        forget_files(run)


def forget_files(run: Run) -> None:
    """Removes the exported files and the results of export and judging, so that these stages run again."""
    for name in run.candidates:
        shutil.rmtree(run.folder.export(name), ignore_errors=True)
        (run.folder.sections / f"export-{name}.json").unlink(missing_ok=True)
    run.folder.evaluation.unlink(missing_ok=True)
