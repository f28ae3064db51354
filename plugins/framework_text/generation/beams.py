"""Beam search in numpy: several answers grow side by side, and the likeliest is taken. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Answer(NamedTuple):
    """score: the sum of its tokens' log probabilities; of one that has ended divided by its length to the penalty's power."""

    score: float
    tokens: list[int]


@dataclass
class Beams:
    """The answers to one request. The search is that of transformers' `generate`, so that its answers are too.

    width: of answers that grow. length_penalty: above 0 favours long answers, below 0 short ones (Wu et al. 2016).
    early_stopping: whether to end as soon as `width` answers have ended, even if a better one may follow. ends: tokens that end
    an answer. ended: whether an answer has ended for another reason, such as its length.
    """

    width: int
    length_penalty: float
    early_stopping: bool
    ends: frozenset[int]
    ended: Callable[[Sequence[int]], bool]
    growing: list[Answer] = field(default_factory=lambda: [Answer(0.0, [])])
    done: list[Answer] = field(default_factory=list)

    def step(self, log_probabilities: np.ndarray) -> list[int]:
        """Takes those of the token that follows each growing answer, (growing, vocabulary); those forbidden are -inf.

        Returns, for each answer that now grows, the one it continues; nothing when the search is over.
        """
        parents, tokens, scores = self._likeliest(log_probabilities)
        going: list[tuple[int, Answer]] = []
        for place, (parent, token, score) in enumerate(zip(parents, tokens, scores, strict=True)):
            answer = Answer(score, [*self.growing[parent].tokens, token])
            if token not in self.ends and not self.ended(answer.tokens):
                going.append((parent, answer))
            elif place < self.width:
                self.done.append(Answer(self._normalized(score, len(answer.tokens)), answer.tokens))
        self.done = sorted(self.done, key=lambda answer: -answer.score)[: self.width]
        going = going[: self.width]
        self.growing = [answer for _, answer in going]
        return [] if self._over() else [parent for parent, _ in going]

    def best(self) -> list[int]:
        """The tokens of the best answer that has ended, with the one that ended it."""
        return self.done[0].tokens

    def _likeliest(self, log_probabilities: np.ndarray) -> tuple[list[int], list[int], list[float]]:
        """Parents, tokens and scores of the best continuations: so many that `width` of them go on whichever token ends."""
        before = np.array([answer.score for answer in self.growing])
        scores = (log_probabilities + before[:, None]).reshape(-1)
        count = min(max(2, 1 + len(self.ends)) * self.width, int(np.isfinite(scores).sum()))
        some = np.argpartition(-scores, count - 1)[:count]
        order = some[np.lexsort((some, -scores[some]))]
        parents, tokens = np.divmod(order, log_probabilities.shape[1])
        return parents.tolist(), tokens.tolist(), scores[order].tolist()

    def _normalized(self, score: float, length: int) -> float:
        return float(score / length**self.length_penalty)

    def _over(self) -> bool:
        """Whether the best growing answer, were it to end now, would not be among those that have ended: the usual rule."""
        if not self.growing:
            return True
        if len(self.done) < self.width:
            return False
        best = self.growing[0]
        return self.early_stopping or self._normalized(best.score, len(best.tokens)) <= self.done[-1].score
