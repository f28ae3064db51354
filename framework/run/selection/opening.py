"""Opens the fitted candidates of a run."""

from __future__ import annotations

from framework.contracts.candidate import RESOURCES, read_fitted
from framework.contracts.codec import Codec
from framework.evaluation.opened import Opened
from framework.plugins import open_codec
from framework.run.context import Run
from framework.run.folder import FITTED


def open_candidate(run: Run, name: str) -> Opened:
    """A candidate of the run, opened from its fitted folder."""
    return Opened.of(run.candidates[name], run.folder.trial(name) / FITTED)


def fitted_codec(run: Run, name: str) -> Codec:
    """The codec of a candidate, without its graphs."""
    folder = run.folder.trial(name) / FITTED
    return open_codec(read_fitted(folder).codec, folder / RESOURCES)
