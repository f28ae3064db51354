"""Stage: the splits, read once and left in the run's folder."""

from __future__ import annotations

from dataclasses import replace

from framework.contracts.data.table import Splits, Table
from framework.contracts.task import TaskData
from framework.data.loading import explained, load_splits
from framework.data.loading import sections as data_sections
from framework.data.stored import store_splits, stored_splits
from framework.errors import InputError
from framework.machine.disk import shown
from framework.plugins import AnyTask
from framework.recipe.automatic import section_of
from framework.run.context import Run


def load(run: Run) -> Splits:
    """Raises InputError for files that cannot be used, or that the task cannot understand."""
    run.console.step("data")
    splits = stored_splits(run.folder.data)
    if splits is not None:
        run.console.recall(run.folder.sections / "data.json")
        run.console.say(f"as they were read when the run began: {run.folder.data.name}/")
        return splits
    if run.again and (run.folder.path / "trials").is_dir():  # rows that are read again may be others than it was fitted with
        raise InputError(f"{shown(run.folder.data)} is missing: the rows that the run was fitted with; start the recipe again")
    splits = load_splits(run.config.data, run.task, run.config.seed, run.options)
    with run.console.recorded(run.folder.sections / "data.json"):
        if (recognised := section_of(run.config)) is not None:
            run.console.show(recognised)
        for section in [*data_sections(splits), *understood(run.task, splits, run.options).sections()]:
            run.console.show(section)
    store_splits(splits, run.folder.data)
    return splits


def without_test(run: Run, splits: Splits) -> TaskData:
    """What candidates are fitted with: no test row is in it."""
    unseen = replace(splits, test=Table({name: [] for name in splits.test.columns}), whole=None)
    return understood(run.task, unseen, run.options)


def understood(task: AnyTask, splits: Splits, options: object) -> TaskData:
    """The splits as the task sees them. Raises InputError when they do not fit it."""
    with explained(splits.notes):
        data: TaskData = task.prepare(splits, options)
    return data
