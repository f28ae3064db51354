"""Fits a candidate in this process."""

from __future__ import annotations

import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from framework.contracts.candidate import FitContext
from framework.machine.disk import whole
from framework.plugins import AnyCandidate
from framework.run.context import Run
from framework.run.folder import FITTED
from framework.run.readiness import trainer_arguments
from framework.training.records import CHECKPOINTS


def fit_candidate(run: Run, candidate: AnyCandidate, data: Any, folder: Path | None = None, **changes: Any) -> Path:
    """Fits a candidate with seeded random generators and returns its fitted folder.

    folder: for everything that the fit leaves; None: that of the candidate's trial. changes: further fields of the
    `FitContext`, such as its budget.
    """
    folder = folder or run.folder.trial(candidate.name)
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / FITTED) as output:
        output.mkdir()
        context = FitContext(
            task=run.options,
            options=run.options_of(candidate),
            metric=run.metric,
            seed=run.config.seed,
            folder=folder,
            output=output,
            show=run.console.show,
            trainer=trainer_arguments(run.config.trainer),
            competing=run.competing,
            resume=_checkpoint(run, folder),
        )
        _seed(run.config.seed)
        candidate.fit(data, replace(context, **changes))
        shutil.rmtree(folder / FITTED, ignore_errors=True)
    return folder / FITTED


def _checkpoint(run: Run, folder: Path) -> Path | None:
    """The checkpoint to resume training from; None in a new trial, or for a candidate without checkpoints."""
    if not (folder / CHECKPOINTS).is_dir():
        return None
    from framework.training.checkpoints import find

    return find(folder, run.console.say, max_steps=run.config.trainer.max_steps not in (None, -1))


def _seed(seed: int) -> None:
    """Seeds the random generators of Python and numpy, and of torch if it is imported; otherwise the candidate seeds torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
