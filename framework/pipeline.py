"""The way of a run, from a recipe to a sealed artifact."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from framework.data.loading import load_splits
from framework.data.loading import sections as data_sections
from framework.evaluation import evaluate, scoreboard
from framework.fitting import fit_candidates
from framework.job import Job
from framework.report import write_report
from framework.sealing import link_latest, seal
from framework.variants import export_and_verify, files_table


def run_recipe(config: DictConfig, recipe: str, folder: Path) -> Path:
    """Runs a composed recipe in a new folder and returns it. Raises FrameworkError; a failed run keeps folder and log."""
    with Job.start(config, recipe, folder) as job:
        job.console.step("data")
        splits = load_splits(config.data, job.task, config.seed)
        data = job.understand(splits)
        for section in [*data_sections(splits), *data.sections()]:
            job.console.show(section)

        job.console.step("fit")
        from framework.tracking import finish_trackers, start_trackers
        from framework.training import check_trainer  # torch takes seconds to import; what is wrong with the data is said first

        check_trainer(job.config.trainer)
        start_trackers(job)
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
        latest = link_latest(folder)
    finish_trackers(job, scores, variants, artifact)  # the run has succeeded: no tracker can undo it
    job.console.say(f"artifact: {shown(artifact)}\nreport:   {shown(folder / 'report.html')}")
    job.console.say(f"next:     python -m framework predict {shown(latest)} '{job.example(splits)}'")
    return folder


def shown(path: Path) -> Path:
    """A path as a person would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
