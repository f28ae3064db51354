"""Decoding in numpy: chooses one token after another from logits, whatever backend runs the decoder. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from framework import Call, Event, Tensors
from framework_text.generation.beams import Beams

ENCODER, GRAPH = "encoder", "decoder"
KEPT = 8  # positions of a call whose logits are returned, at most: vocabularies are large


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, and when an answer ends."""

    temperature: float = 0.0
    """The divisor of the logits; 0 takes the most probable token."""
    top_k: int = 0
    """Tokens are drawn among this many of the most probable ones; 0: among all."""
    top_p: float = 1.0
    """Tokens are drawn among the fewest that together have this probability (Holtzman et al. 2020)."""
    repetition_penalty: float = 1.0
    """Above 1, earlier tokens become less likely (Keskar et al. 2019)."""
    seed: int | None = None
    """The same seed draws the same tokens; None: tokens differ from answer to answer."""
    no_repeat_ngram: int = 0
    """No n-gram of this size occurs twice; 0: no such rule."""
    min_new_tokens: int = 0
    """The fewest tokens after which an end token is allowed."""
    max_new_tokens: int | None = None
    """Tokens of an answer, at most; None, or more than the `limit` of `decode`: only that limit counts."""
    stop: tuple[str, ...] = ()
    """Texts before which the answer is cut off."""
    beams: int = 1
    """Width of a beam search, in which nothing is drawn; 1: no search."""
    length_penalty: float = 1.0
    """See `Beams`; read only by a beam search."""
    early_stopping: bool = False
    """See `Beams`; read only by a beam search."""

    @property
    def greedy(self) -> bool:
        """Whether each token is the argmax of the logits, whatever came before."""
        plain = self.temperature == 0.0 and self.repetition_penalty == 1.0 and self.beams == 1
        return plain and not self.no_repeat_ngram and not self.min_new_tokens


@dataclass(frozen=True)
class Decoded:
    """A decoded answer."""

    tokens: list[int]
    """Without the end token."""
    stopped: bool
    """Whether an end token or a stop text ended the answer; otherwise the limit was reached."""
    text: str = ""
    """The text of the tokens, up to a stop text; empty where `decode` got no `read`."""


@dataclass(frozen=True)
class Source:
    """What the decoder of an encoder-decoder model needs beside its tokens."""

    feeds: Tensors
    """Further inputs of the first call."""
    first: int | None = None
    """Token that every answer is forced to begin with; None: no token is forced."""
    last: int | None = None
    """Token that is forced at the limit; None: no token is forced."""


Reader = Callable[[Sequence[int]], str]
Decoding = Generator[Call | Event, Tensors, Decoded]


def decode(
    prompt: Sequence[int],
    limit: int,
    ends: Collection[int],
    sampling: Sampling,
    source: Source | None = None,
    read: Reader | None = None,
) -> Decoding:
    """Steps of a codec that decode an answer: calls of the decoder, and an event ``{"token": id}`` for each token.

    With stop texts, the event of a token is delayed until the token cannot belong to a stop text. With several beams, the
    events of all tokens come at the end, and an empty event at each step before.

    prompt: token ids, at least one. limit: tokens of the answer, at most. ends: end tokens. source: None for a decoder-only
    model. read: tokens -> text, needed for stop texts; None: `Decoded.text` stays empty.
    """
    assert read is not None or not sampling.stop, "stop texts are found by reading tokens"
    limit = limit if sampling.max_new_tokens is None else min(limit, sampling.max_new_tokens)
    run = _DecodingRun(list(prompt), limit, frozenset(ends), sampling, source or Source({}), read or (lambda tokens: ""))
    return (yield from run.search() if sampling.beams > 1 else run.sample())


@dataclass
class _DecodingRun:
    """The decoding of one answer; see `decode` for the fields."""

    prompt: list[int]
    limit: int
    ends: frozenset[int]
    sampling: Sampling
    source: Source
    read: Reader

    def sample(self) -> Decoding:
        """One token after another, greedy or drawn."""
        random = np.random.default_rng(self.sampling.seed)
        tokens: list[int] = []
        announced = 0
        call = self._first()
        while len(tokens) < self.limit:
            outputs = yield call
            token = self._forced(len(tokens))
            if token is None:
                allowed = self._allowed(outputs["logits"][0, -1], len(tokens))
                token = choose(allowed, [*self.prompt, *tokens], self.sampling, random)
            if token in self.ends:
                yield from _announce(tokens[announced:])
                return self._decoded([*tokens, token])
            tokens.append(token)
            if self._stop(tokens) is not None:
                return self._decoded(tokens)
            if not self._may_stop(tokens):
                yield from _announce(tokens[announced:])
                announced = len(tokens)
            call = Call(GRAPH, feeds([token]))
        yield from _announce(tokens[announced:])
        return self._decoded(tokens)

    def search(self) -> Decoding:
        """A beam search."""
        if self.limit < 1:
            return Decoded([], stopped=False)
        options = self.sampling
        beams = Beams(options.beams, options.length_penalty, options.early_stopping, self.ends, self._ended)
        outputs = yield self._first()
        while parents := beams.step(self._log_probabilities(outputs["logits"][:, -1], beams)):
            last = np.array([hypothesis.tokens[-1:] for hypothesis in beams.growing])
            keep = np.zeros_like(last)
            outputs = yield Call(GRAPH, {"input_ids": last, "attention_mask": np.ones_like(last), "keep": keep}, parents)
            yield Event({})
        decoded = self._decoded(beams.best())
        tokens = decoded.tokens
        while len(self.read(tokens)) > len(decoded.text):  # drops tokens of a stop text
            tokens = tokens[:-1]
        yield from _announce(tokens)
        return decoded

    def _first(self) -> Call:
        return Call(GRAPH, feeds(self.prompt) | self.source.feeds, begins=True)

    def _log_probabilities(self, logits: np.ndarray, beams: Beams) -> np.ndarray:
        """Log probabilities (growing hypotheses, vocabulary), -inf if forbidden; penalties in transformers' order."""
        logits = logits.astype(np.float64)
        logits = logits - logits.max(-1, keepdims=True)
        rows = []
        for row, hypothesis in zip(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), beams.growing, strict=True):
            allowed = self._allowed(penalized(row, [*self.prompt, *hypothesis.tokens], self.sampling), len(hypothesis.tokens))
            forced = self._forced(len(hypothesis.tokens))
            rows.append(allowed if forced is None else np.where(np.arange(len(row)) == forced, 0.0, -np.inf))
        return np.stack(rows)

    def _forced(self, count: int) -> int | None:
        """The token that is forced after `count` tokens; None where tokens are chosen freely."""
        if count == self.limit - 1 and self.source.last is not None:
            return self.source.last
        return self.source.first if count == 0 else None

    def _allowed(self, scores: np.ndarray, count: int) -> np.ndarray:
        """The scores after `count` tokens, without end tokens while the answer is too short."""
        if count >= self.sampling.min_new_tokens:
            return scores
        scores = scores.copy()
        scores[list(self.ends)] = -np.inf
        return scores

    def _ended(self, tokens: Sequence[int]) -> bool:
        return len(tokens) >= self.limit or self._stop(tokens) is not None

    def _tail(self, tokens: Sequence[int]) -> str:
        """The text of the last tokens, enough to contain any stop text: a character has up to four tokens."""
        longest = max(map(len, self.sampling.stop), default=0)
        return self.read(tokens[-4 * longest - 4 :]) if longest else ""

    def _stop(self, tokens: Sequence[int]) -> int | None:
        """The index in the text at which the first stop text begins; None where it has no stop text."""
        tail = self._tail(tokens)
        if not any(stop in tail for stop in self.sampling.stop):
            return None
        text = self.read(tokens)
        return min((place for stop in self.sampling.stop if (place := text.find(stop)) >= 0), default=None)

    def _may_stop(self, tokens: Sequence[int]) -> bool:
        """Whether the text ends with the beginning of a stop text."""
        tail = self._tail(tokens)
        return any(tail.endswith(stop[:length]) for stop in self.sampling.stop for length in range(1, len(stop)))

    def _decoded(self, tokens: list[int]) -> Decoded:
        """The result. tokens: including an end token."""
        by_token = bool(tokens) and tokens[-1] in self.ends
        forced = by_token and len(tokens) == self.limit and self.source.last == tokens[-1]
        answer = tokens[:-1] if by_token else tokens
        place = self._stop(answer)
        return Decoded(answer, (by_token and not forced) or place is not None, self.read(answer)[:place])


def _announce(tokens: Sequence[int]) -> Generator[Event, Tensors, None]:
    for token in tokens:
        yield Event({"token": token})


def encode(source: Sequence[int]) -> Generator[Call | Event, Tensors, Tensors]:
    """Steps of a codec: the call of the encoder on token ids. Returns the further inputs of the decoder's first call."""
    ids = np.asarray([source], np.int64)
    mask = np.ones_like(ids)
    outputs = yield Call(ENCODER, {"input_ids": ids, "attention_mask": mask})
    return {"cross": outputs["cross"], "cross_mask": mask}


def likelihood(
    prompt: Sequence[int], answer: Sequence[int], source: Tensors | None = None
) -> Generator[Call | Event, Tensors, float]:
    """Steps of a codec that return the negative log likelihood of an answer after a prompt, in nats, summed over the answer.

    prompt, answer: token ids. source: further inputs of the decoder's first call; None: a decoder-only model.
    """
    outputs = yield Call(
        GRAPH, feeds(prompt) | (source or {}), begins=True
    )  # the same call as the first of an answer, so that it is run once for both
    nats = _nats(outputs["logits"][0], answer[:1])
    for first in range(0, len(answer) - 1, KEPT):
        following = answer[first + 1 : first + 1 + KEPT]
        outputs = yield Call(GRAPH, feeds(answer[first : first + len(following)], np.arange(len(following))))
        nats += _nats(outputs["logits"][0], following)
    return nats


def _nats(logits: np.ndarray, tokens: Sequence[int]) -> float:
    """Negative log likelihood of tokens, summed. logits: (tokens, vocabulary)."""
    highest = logits.max(-1, keepdims=True)
    sums = np.exp(logits - highest).sum(-1, dtype=np.float64)  # exp in float64 would take twice as long
    return float((highest[:, 0] + np.log(sums) - logits[np.arange(len(tokens)), tokens]).sum())


def feeds(new: Sequence[int], keep: np.ndarray | None = None) -> Tensors:
    """Inputs of the decoder for new tokens. keep: positions whose logits are returned, at most `KEPT`; None: the last one."""
    ids = np.asarray([new], np.int64)
    positions = np.array([len(new) - 1]) if keep is None else keep
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "keep": positions[None].astype(np.int64)}


def choose(logits: np.ndarray, context: Sequence[int], sampling: Sampling, random: np.random.Generator) -> int:
    """Chooses a token by its logits (vocabulary,). context: all tokens before it, the prompt included."""
    logits = penalized(logits, context, sampling)
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # very small temperatures leave the most probable token alone
        scores = (logits - logits.max()).astype(np.float64) / sampling.temperature
    probabilities = _probabilities(scores, sampling)
    return int(random.choice(len(probabilities), p=probabilities))


def penalized(scores: np.ndarray, context: Sequence[int], sampling: Sampling) -> np.ndarray:
    """Scores (vocabulary,), lowered for tokens of the context and -inf for those that would repeat an n-gram."""
    if sampling.repetition_penalty != 1.0:
        scores = scores.copy()
        places = np.unique(np.asarray(context, np.int64))
        repeated, penalty = scores[places], sampling.repetition_penalty
        scores[places] = np.where(repeated < 0, repeated * penalty, repeated / penalty)
    size = sampling.no_repeat_ngram
    if 0 < size <= len(context):
        scores = scores.copy()
        grams = np.lib.stride_tricks.sliding_window_view(np.asarray(context, np.int64), size)
        again = (grams[:, :-1] == np.asarray(context[len(context) - size + 1 :], np.int64)).all(1)
        scores[grams[again, -1]] = -np.inf
    return scores


def _probabilities(scores: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Softmax in float64 over the tokens that top-k and top-p allow, 0 for all others."""
    scores = scores.astype(np.float64)
    if 0 < sampling.top_k < len(scores):
        scores = np.where(scores < np.partition(scores, -sampling.top_k)[-sampling.top_k], -np.inf, scores)
    powers = np.exp(scores - scores.max())
    probabilities: np.ndarray = powers / powers.sum()
    if sampling.top_p < 1.0:
        order = np.argsort(-probabilities, kind="stable")
        before = np.cumsum(probabilities[order]) - probabilities[order]
        probabilities[order[before >= sampling.top_p]] = 0.0
        probabilities /= probabilities.sum()
    return probabilities
