"""The way of a run, from a recipe to a sealed artifact."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from shlex import quote

from omegaconf import DictConfig

from framework.data.loading import load_splits
from framework.data.loading import sections as data_sections
from framework.evaluation.judge import evaluate, scoreboard
from framework.export.variants import export_and_verify, files_table
from framework.machine.disk import shown
from framework.machine.memory import give_back
from framework.report.costs import costs, files_charts
from framework.report.curves import training_curves
from framework.report.page import write_report
from framework.run.fitting import fit_candidates
from framework.run.job import Job
from framework.run.readiness import check_ready
from framework.run.sealing import finish, seal


def start(config: DictConfig, recipe: str, folder: Path) -> Path:
    """Runs a composed recipe in a new folder and returns it. Raises FrameworkError; a failed run keeps folder and log."""
    return run_job(Job.start(config, recipe, folder))


def run_job(entered: AbstractContextManager[Job]) -> Path:
    """Every step, also of a run that is entered again: what its folder holds is not trained a second time."""
    with entered as job:
        job.console.step("data")
        splits = load_splits(job.config.data, job.task, job.config.seed, job.options)
        job.check_data(splits)
        data = job.understand(splits)
        for section in [*data_sections(splits), *data.sections()]:
            job.console.show(section)

        job.console.step("fit")
        from framework.run.tracking import (  # torch takes seconds to import; data is judged first
            finish_trackers,
            start_trackers,
        )

        check_ready(job.config, job.task, data)
        start_trackers(job)
        fitted = fit_candidates(job, splits)
        for section in training_curves(job.folder, job.task.metric):
            job.console.show(section)

        job.console.step("evaluate")
        scores = evaluate(job, fitted, splits.test)
        job.console.show(scoreboard(job, scores))
        model = fitted.pop(job.task.model.name)
        fitted.clear()  # a baseline may be as large as the model
        give_back()

        job.console.step("export and verify")
        variants = export_and_verify(job, model, splits)
        example = job.example(model)
        job.console.show(replace(files_table(variants), charts=files_charts(variants, job.task.metric)))
        job.console.show(costs(variants, job.config.report.hourly_price))

        job.console.step("report and artifact")
        write_report(job, splits, model, scores, variants)
        artifact = seal(job, splits, model, scores, variants)
        address = finish(job)
    finish_trackers(job, scores, variants, artifact)  # the run has succeeded: no tracker can undo it
    job.console.say(f"artifact: {shown(artifact)}\nreport:   {shown(job.folder / 'report.html')}")
    job.console.say(f"next:     python -m framework predict {quote(str(shown(address)))} {quote(example)}")
    return job.folder
