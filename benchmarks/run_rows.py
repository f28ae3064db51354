"""The rows that a finished run keeps."""

from __future__ import annotations

from framework import InputError, Splits
from framework.data.stored import stored_splits
from framework.run.folder import RunFolder, find_run


def splits_of(run: str) -> Splits:
    """The splits of a run, given by its folder or name. Raises InputError where its rows were deleted."""
    folder = RunFolder(find_run(run)).data
    splits = stored_splits(folder)
    if splits is None:
        raise InputError(f"no rows in {folder}: copy the whole run, or run the recipe again")
    return splits
