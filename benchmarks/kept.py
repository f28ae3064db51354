"""What a finished run keeps of its rows."""

from __future__ import annotations

from framework import InputError, Splits
from framework.data.stored import stored_splits
from framework.run.folder import RunFolder, find_run


def kept_splits(run: str) -> Splits:
    """run: as a person names it. Raises InputError where its rows are gone."""
    folder = RunFolder(find_run(run)).data
    splits = stored_splits(folder)
    if splits is None:
        raise InputError(f"no rows in {folder}: copy the whole run, or run the recipe again")
    return splits
