"""Stage "load": reads and splits the data once, and stores the splits in the run's folder."""

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
    """The splits, from the run's folder if they are stored there. Raises InputError for files that cannot be read or do not
    suit the task, and where a run that has begun to fit has lost its splits.
    """
    run.console.step("data")
    splits = stored_splits(run.folder.data)
    if splits is not None:
        run.console.recall(run.folder.sections / "data.json")
        run.console.say(f"as they were read when the run began: {run.folder.data.name}/")
        return splits
    if run.again and (run.folder.path / "trials").is_dir():  # the files may have changed since candidates were fitted
        raise InputError(f"{shown(run.folder.data)} is missing: the rows that the run was fitted with; start the recipe again")
    splits = load_splits(run.config.data, run.task, run.config.seed, run.options)
    with run.console.recorded(run.folder.sections / "data.json"):
        if (recognised := section_of(run.config)) is not None:
            run.console.show(recognised)
        for section in [*data_sections(splits), *prepare_data(run.task, splits, run.options).sections()]:
            run.console.show(section)
    store_splits(splits, run.folder.data)
    return splits


def without_test(run: Run, splits: Splits) -> TaskData:
    """The task's data for the fits: made of splits whose test split is empty, so that no candidate sees test rows."""
    visible = replace(splits, test=Table({name: [] for name in splits.test.columns}), whole=None)
    return prepare_data(run.task, visible, run.options)


def prepare_data(task: AnyTask, splits: Splits, options: object) -> TaskData:
    """The task's data of these splits. Raises InputError, with the notes on the splits, if the splits do not suit the task."""
    with explained(splits.notes):
        data: TaskData = task.prepare(splits, options)
    return data
