"""The kinds of trial, and which promises the most gain per second."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from framework.run.search.record import SearchRecord, SearchTrial

STARTING = 5.0  # seconds in which a process reads rows and backbone; the first of a run may import libraries before
PART = 0.5  # expected seconds of a trial that continues another, as a share of a whole fit
FEWEST = 4  # trials after which a search may end because validation does not tell them apart


class Move(Enum):
    """A kind of trial."""

    fresh = "fresh"
    """Begins anew, with other settings."""
    onward = "onward"
    """Continues the best trial, with other settings."""

    @classmethod
    def of(cls, trial: SearchTrial) -> Move:
        return cls.fresh if trial.begin is None else cls.onward

    def ended(self, record: SearchRecord) -> list[SearchTrial]:
        """The trials of this kind after the first one."""
        return [trial for trial in record.trials[1:] if Move.of(trial) is self]

    def expected_seconds(self, record: SearchRecord, first: float) -> float:
        """Expected seconds of the next trial of this kind. first: of the first fit."""
        whole = [trial.seconds for trial in self.ended(record) if trial.score is not None]
        if whole:
            return sum(whole) / len(whole)
        return STARTING + first * (PART if self is Move.onward else 1.0)


def by_promise(moves: Sequence[Move], record: SearchRecord, first: float, prior: float) -> list[Move]:
    """The kinds of trial, that with the highest expected gain per second first.

    That is the gain of its trials per second that they took, as if one more had gained `prior`; trials that lost gained
    nothing. first: seconds of the first fit.
    """

    def rate(move: Move) -> float:
        ended = move.ended(record)
        gains = prior + sum(trial.gain or 0.0 for trial in ended if not trial.lost)
        return gains / (move.expected_seconds(record, first) + sum(trial.seconds for trial in ended))

    return sorted(moves, key=rate, reverse=True)


def told_apart(record: SearchRecord) -> bool:
    """Whether the differences of the trials are larger than chance makes them: their mean square, in standard errors, is above
    1. True for fewer than `FEWEST` trials.
    """
    compared = [(trial.gain, trial.spread) for trial in record.trials if trial.gain is not None and trial.spread is not None]
    if len(compared) < FEWEST:
        return True
    squares = [(gain / spread) ** 2 for gain, spread in compared if spread > 0]
    return sum(squares) > len(compared)
