"""The files that a training leaves beside its checkpoints. No torch."""

from __future__ import annotations

import json
from pathlib import Path

CHECKPOINTS = "checkpoints"
SCHEDULE = "schedule.json"  # the share of the training that was done after each of its steps, to repeat it exactly
TRAINED = "trained.json"  # among the checkpoints: training has ended, and which of them holds the weights


def read_shares(run: Path) -> list[float]:
    """The shares of a run's training, by which it can be repeated. Raises FileNotFoundError where it has none."""
    shares: list[float] = json.loads((run / SCHEDULE).read_text(encoding="utf-8"))
    return shares
