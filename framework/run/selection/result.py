"""The result of the selection: every competing candidate with its score and costs, and why it ships or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.evaluation.comparison.ranking import Score


@dataclass(frozen=True)
class Ranked:
    """A fitted competing candidate, judged on the validation rows before any export."""

    candidate: str
    metrics: Mapping[str, float]
    """On the validation rows."""
    score: Score
    """By the metric that decides, on `rows` rows."""
    rows: int
    """Number of held-out rows that were answered: validation rows, and with cross-validation those of further splits."""
    best: str
    """The candidate with the best score on the same rows, which `Score.loss` is measured against."""
    row_seconds: float | None
    """Seconds to answer one row in a batch; None: not measured."""
    fit_seconds: float
    peak_bytes: int
    """Peak memory of the process up to the end of the fit."""
    reason: str = ""
    """Why validation does not choose it, a clause; empty for the candidate that it chooses."""

    @property
    def may_be_best(self) -> bool:
        """Whether the interval of its loss contains 0; always without an interval."""
        return self.score.loss is None or self.score.loss.low <= 0

    def settled(self, tolerance: float) -> bool:
        """Whether more rows could hardly change what is decided about it: it is worse than the best, or the loss that the rows
        do not exclude is at most `tolerance`.
        """
        loss = self.score.loss
        return loss is None or loss.low > 0 or loss.high <= tolerance

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
    """Number of held-out rows that the decision rests on; 0 where one candidate alone was fitted, which needs no ranking."""
    ranking: tuple[Ranked, ...]
    """The best score first; empty where one candidate alone was fitted."""
    refused: Mapping[str, tuple[str, ...]]
    """By candidate, the reasons why it was not fitted."""
    preference: tuple[str, ...]
    """The fitted candidates in the order in which they are exported: the one that validation chooses, then by score."""
    decision: str = ""
    """Why the first of `preference` is the first, in sentences; empty where one candidate alone was fitted."""
    outlook: tuple[str, ...] = ()
    """What more time and more rows would bring, a clause each."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """By fitted candidate, why it does not ship, once files are measured: that of validation, or the targets that it misses."""
    targets: str = ""
    """Whether the file that ships meets the targets, or by how much it misses them, a clause; empty without targets."""
    winner: str | None = None
    """The candidate that ships; None until exported files are measured."""
