"""Names of the files that a training leaves, and a reader of its schedule. Must not import torch."""

from __future__ import annotations

import json
from pathlib import Path

CHECKPOINTS = "checkpoints"  # folder
SCHEDULE = "schedule.json"  # holds `Schedule.shares`
VALIDATIONS = "validations.jsonl"  # a line for each validation: [share of the training that is done, metric]
TRAINED = "trained.json"  # beside the checkpoints, once training has ended: name of the final checkpoint, `TrainingFacts`


def read_shares(run: Path) -> list[float]:
    """The share of a training that was done after each step, to repeat the training with `Schedule(replay=...)`.

    run: the folder of the fit.

    Raises FileNotFoundError if the training left no schedule.
    """
    shares: list[float] = json.loads((run / SCHEDULE).read_text(encoding="utf-8"))
    return shares
