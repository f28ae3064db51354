"""The way of a run, from a recipe to a sealed artifact."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from omegaconf import DictConfig

from framework.data.loading import load_splits
from framework.data.loading import sections as data_sections
from framework.evaluation import evaluate, scoreboard
from framework.fitting import fit_candidates
from framework.job import Job
from framework.report import write_report
from framework.runs import shown
from framework.sealing import finish, seal
from framework.variants import export_and_verify, files_table


def run_recipe(config: DictConfig, recipe: str, folder: Path) -> Path:
    """Runs a composed recipe in a new folder and returns it. Raises FrameworkError; a failed run keeps folder and log."""
    return run_job(Job.start(config, recipe, folder))


def run_job(entered: AbstractContextManager[Job]) -> Path:
    """Every step, also of a run that is entered again: what its folder holds is not trained a second time."""
    with entered as job:
        job.console.step("data")
        splits = load_splits(job.config.data, job.task, job.config.seed)
        job.check_data(splits)
        data = job.understand(splits)
        for section in [*data_sections(splits), *data.sections()]:
            job.console.show(section)

        job.console.step("fit")
        from framework.training import check_trainer  # torch takes seconds to import; what is wrong with the data is said first

        check_trainer(job.config.trainer)
        fitted = fit_candidates(job, splits)

        job.console.step("evaluate")
        scores = evaluate(job, fitted, splits.test)
        job.console.show(scoreboard(job, scores))

        job.console.step("export and verify")
        variants = export_and_verify(job, fitted[job.task.model.name], splits.validation)
        job.console.show(files_table(variants))

        job.console.step("report and artifact")
        write_report(job, scores, variants)
        artifact = seal(job, splits, fitted[job.task.model.name], scores, variants)
        address = finish(job)
        job.console.say(f"artifact: {shown(artifact)}\nreport:   {shown(job.folder / 'report.html')}")
        job.console.say(f"next:     python -m framework predict {shown(address)} '{job.example(splits)}'")
    return job.folder
