"""The result of the selection: every competing candidate with its score and costs, and why it ships or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framework.evaluation.comparison.ranking import Score


@dataclass(frozen=True)
class Ranked:
    """A fitted competing candidate, judged on the validation rows before any export."""

    candidate: str
    metrics: Mapping[str, float]
    score: Score
    """By the metric that decides."""
    row_seconds: float | None
    """Seconds to answer one row in a batch; None: not measured."""
    fit_seconds: float
    peak_bytes: int
    """Peak memory of the process up to the end of the fit."""
    reason: str = ""
    """Why it does not ship, a clause; empty for the candidate that does."""

    def can_replace(self, best: Ranked, tolerance: float) -> bool:
        """Whether it is as good as the best for all that the rows can tell: its score is the same, or the interval of its loss
        contains 0 and ends at `tolerance` or below. Without an interval only the same score is enough.
        """
        if self.score.value == best.score.value:
            return True
        loss = self.score.loss
        return loss is not None and loss.low <= 0 and loss.high <= tolerance


@dataclass(frozen=True)
class Selection:
    """The ranking of the competing candidates, and the winner."""

    metric: str
    rows: int
    """Number of validation rows that were answered; 0 where one candidate alone was fitted, which needs no ranking."""
    ranking: tuple[Ranked, ...]
    """The best score first; empty where one candidate alone was fitted."""
    refused: Mapping[str, tuple[str, ...]]
    """By candidate, the reasons why it was not fitted."""
    preference: tuple[str, ...]
    """The fitted candidates in the order in which they are exported: the one that validation chooses, then by score."""
    decision: str = ""
    """Why the first of `preference` is the first, in sentences; empty where one candidate alone was fitted."""
    targets: str = ""
    """Whether the file that ships meets the targets, or by how much it misses them, a clause; empty without targets."""
    winner: str | None = None
    """The candidate that ships; None until exported files are measured."""
