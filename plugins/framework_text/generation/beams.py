"""Beam search in numpy: several hypotheses grow in parallel, and the most probable one is the answer. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Hypothesis(NamedTuple):
    """A beginning of an answer, or a finished answer."""

    score: float
    """Sum of the tokens' log probabilities; of a finished hypothesis, divided by length ** length_penalty."""
    tokens: list[int]


@dataclass
class Beams:
    """The beam search for one request, with the results of transformers' `generate`."""

    width: int
    """Hypotheses that grow in parallel."""
    length_penalty: float
    """Above 0 favours long answers, below 0 short ones (Wu et al. 2016)."""
    early_stopping: bool
    """Whether to end as soon as `width` hypotheses are finished, even if a better one may follow."""
    ends: frozenset[int]
    """Tokens that end an answer."""
    ended: Callable[[Sequence[int]], bool]
    """Whether an answer of these tokens is finished without an end token, such as by the number of tokens."""
    growing: list[Hypothesis] = field(default_factory=lambda: [Hypothesis(0.0, [])])
    done: list[Hypothesis] = field(default_factory=list)
    """Finished hypotheses, at most `width`, best first."""

    def step(self, log_probabilities: np.ndarray) -> list[int]:
        """Extends the growing hypotheses by one token.

        log_probabilities: (growing, vocabulary), of the next token of each growing hypothesis; -inf for forbidden tokens.
        Returns for each new hypothesis the number of the hypothesis that it extends; empty when the search is over.
        """
        parents, tokens, scores = self._likeliest(log_probabilities)
        continued: list[tuple[int, Hypothesis]] = []
        for place, (parent, token, score) in enumerate(zip(parents, tokens, scores, strict=True)):
            hypothesis = Hypothesis(score, [*self.growing[parent].tokens, token])
            if token not in self.ends and not self.ended(hypothesis.tokens):
                continued.append((parent, hypothesis))
            elif place < self.width:
                self.done.append(Hypothesis(self._normalized(score, len(hypothesis.tokens)), hypothesis.tokens))
        self.done = sorted(self.done, key=lambda hypothesis: -hypothesis.score)[: self.width]
        continued = continued[: self.width]
        self.growing = [hypothesis for _, hypothesis in continued]
        return [] if self._over() else [parent for parent, _ in continued]

    def best(self) -> list[int]:
        """The tokens of the best finished hypothesis, including an end token."""
        return self.done[0].tokens

    def _likeliest(self, log_probabilities: np.ndarray) -> tuple[list[int], list[int], list[float]]:
        """Parents, tokens and scores of the best continuations, of which at least `width` do not end with an end token."""
        before = np.array([hypothesis.score for hypothesis in self.growing])
        scores = (log_probabilities + before[:, None]).reshape(-1)
        count = min(max(2, 1 + len(self.ends)) * self.width, int(np.isfinite(scores).sum()))
        best = np.argpartition(-scores, count - 1)[:count]
        order = best[np.lexsort((best, -scores[best]))]
        parents, tokens = np.divmod(order, log_probabilities.shape[1])
        return parents.tolist(), tokens.tolist(), scores[order].tolist()

    def _normalized(self, score: float, length: int) -> float:
        return float(score / length**self.length_penalty)

    def _over(self) -> bool:
        """Whether no growing hypothesis, ended now, would be among the best finished ones: the stopping rule of `generate`."""
        if not self.growing:
            return True
        if len(self.done) < self.width:
            return False
        best = self.growing[0]
        return self.early_stopping or self._normalized(best.score, len(best.tokens)) <= self.done[-1].score
