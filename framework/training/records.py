"""Names of the files that a training leaves, and reading its schedule. No torch."""

from __future__ import annotations

import json
from pathlib import Path

CHECKPOINTS = "checkpoints"
SCHEDULE = "schedule.json"  # `Schedule.shares`
TRAINED = "trained.json"  # in the folder of checkpoints, once training has ended: name of the final one, and facts


def read_shares(run: Path) -> list[float]:
    """The share of a training that was done after each step, to replay it with `Schedule`. run: the folder of the fit.

    Raises FileNotFoundError if the training left no schedule.
    """
    shares: list[float] = json.loads((run / SCHEDULE).read_text(encoding="utf-8"))
    return shares
