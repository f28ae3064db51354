"""Decoding in numpy: one token after another from a decoder's logits, whatever runs the decoder. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from framework import Call, Event, Tensors
from framework_text.generation.beams import Beams

ENCODER, GRAPH = "encoder", "decoder"
KEPT = 8  # tokens of a run whose logits may be asked for: vocabularies are large


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, and when no more are.

    temperature: 0 takes the likeliest; otherwise logits are divided by it. top_k: among so many of the likeliest, 0 among all.
    top_p: among the fewest that together have this probability (Holtzman et al. 2020). repetition_penalty: above 1, what
    was said is less likely (Keskar et al. 2019). seed: the same choices again. no_repeat_ngram: so many tokens in a row are
    said once, 0: any number of times. min_new_tokens: before them nothing ends. max_new_tokens: fewer than the limit; None:
    the limit. stop: texts at which the answer is cut off. beams: answers that grow side by side, of which the best is taken;
    with 1 there is one, with more nothing is drawn. length_penalty, early_stopping: of their search, see `Beams`.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    no_repeat_ngram: int = 0
    min_new_tokens: int = 0
    max_new_tokens: int | None = None
    stop: tuple[str, ...] = ()
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool = False

    @property
    def greedy(self) -> bool:
        """Whether each token is the likeliest, whatever was said before."""
        plain = self.temperature == 0.0 and self.repetition_penalty == 1.0 and self.beams == 1
        return plain and not self.no_repeat_ngram and not self.min_new_tokens


@dataclass(frozen=True)
class Decoded:
    """tokens: chosen, without the one that ended it. stopped: by such a token or a stop text; otherwise the limit was reached.

    text: of the tokens, up to the stop text; empty where `decode` was not told how tokens are read.
    """

    tokens: list[int]
    stopped: bool
    text: str = ""


@dataclass(frozen=True)
class Source:
    """What goes with a model that reads a source: the states of its first call, and tokens that its configuration forces.

    feeds: of the first call besides the tokens. first, last: the first token of every answer, and its last at the limit.
    """

    feeds: Tensors
    first: int | None = None
    last: int | None = None


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
    """Steps of a codec: calls of the decoder, an event ``{"token": id}`` for each token chosen.

    prompt: token ids, at least one. limit: of tokens chosen. ends: those that end it. read: tokens -> text, for stop texts; a
    token is announced once it is sure not to begin one. With several beams tokens are announced at the end, and before that an
    empty event at each step.
    """
    assert read is not None or not sampling.stop, "stop texts are found by reading tokens"
    limit = limit if sampling.max_new_tokens is None else min(limit, sampling.max_new_tokens)
    one = _Answering(list(prompt), limit, frozenset(ends), sampling, source or Source({}), read or (lambda tokens: ""))
    found = yield from one.search() if sampling.beams > 1 else one.sample()
    return found


@dataclass
class _Answering:
    prompt: list[int]
    limit: int
    ends: frozenset[int]
    sampling: Sampling
    source: Source
    read: Reader

    def sample(self) -> Decoding:
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
        """The best answer of a beam search."""
        if self.limit < 1:
            return Decoded([], stopped=False)
        options = self.sampling
        beams = Beams(options.beams, options.length_penalty, options.early_stopping, self.ends, self._ended)
        outputs = yield self._first()
        while parents := beams.step(self._log_probabilities(outputs["logits"][:, -1], beams)):
            last = np.array([answer.tokens[-1:] for answer in beams.growing])
            keep = np.zeros_like(last)
            outputs = yield Call(GRAPH, {"input_ids": last, "attention_mask": np.ones_like(last), "keep": keep}, parents)
            yield Event({})
        found = self._decoded(beams.best())
        shown = found.tokens
        while len(self.read(shown)) > len(found.text):  # those of a stop text
            shown = shown[:-1]
        yield from _announce(shown)
        return found

    def _first(self) -> Call:
        return Call(GRAPH, feeds(self.prompt) | self.source.feeds, begins=True)

    def _log_probabilities(self, logits: np.ndarray, beams: Beams) -> np.ndarray:
        """Of the token that follows each growing answer, forbidden ones -inf, in the order of transformers' processors."""
        logits = logits.astype(np.float64)
        logits = logits - logits.max(-1, keepdims=True)
        rows = []
        for row, answer in zip(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), beams.growing, strict=True):
            allowed = self._allowed(penalized(row, [*self.prompt, *answer.tokens], self.sampling), len(answer.tokens))
            forced = self._forced(len(answer.tokens))
            rows.append(allowed if forced is None else np.where(np.arange(len(row)) == forced, 0.0, -np.inf))
        return np.stack(rows)

    def _forced(self, count: int) -> int | None:
        """The token that must follow `count` chosen ones."""
        if count == self.limit - 1 and self.source.last is not None:
            return self.source.last
        return self.source.first if count == 0 else None

    def _allowed(self, scores: np.ndarray, count: int) -> np.ndarray:
        if count >= self.sampling.min_new_tokens:
            return scores
        scores = scores.copy()
        scores[list(self.ends)] = -np.inf
        return scores

    def _ended(self, tokens: Sequence[int]) -> bool:
        return len(tokens) >= self.limit or self._stop(tokens) is not None

    def _tail(self, tokens: Sequence[int]) -> str:
        """The text of the last tokens, long enough for a stop text: a character has up to four tokens."""
        longest = max(map(len, self.sampling.stop), default=0)
        return self.read(tokens[-4 * longest - 4 :]) if longest else ""

    def _stop(self, tokens: Sequence[int]) -> int | None:
        """Where the first stop text begins."""
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
        """tokens: with the one that ended it."""
        by_token = bool(tokens) and tokens[-1] in self.ends
        forced = by_token and len(tokens) == self.limit and self.source.last == tokens[-1]
        kept = tokens[:-1] if by_token else tokens
        place = self._stop(kept)
        return Decoded(kept, (by_token and not forced) or place is not None, self.read(kept)[:place])


def _announce(tokens: Sequence[int]) -> Generator[Event, Tensors, None]:
    for token in tokens:
        yield Event({"token": token})


def encode(source: Sequence[int]) -> Generator[Call | Event, Tensors, Tensors]:
    """Steps of a codec: the call of the encoder. Returns what the decoder's first call is fed besides its tokens."""
    ids = np.asarray([source], np.int64)
    mask = np.ones_like(ids)
    outputs = yield Call(ENCODER, {"input_ids": ids, "attention_mask": mask})
    return {"cross": outputs["cross"], "cross_mask": mask}


def likelihood(
    prompt: Sequence[int], answer: Sequence[int], source: Tensors | None = None
) -> Generator[Call | Event, Tensors, float]:
    """Steps of a codec that end with the nats of an answer's tokens, all together, after the prompt.

    source: what the decoder's first call is fed besides its tokens.
    """
    outputs = yield Call(GRAPH, feeds(prompt) | (source or {}), begins=True)  # as answers begin: it need not be run for both
    nats = _nats(outputs["logits"][0], answer[:1])
    for first in range(0, len(answer) - 1, KEPT):
        following = answer[first + 1 : first + 1 + KEPT]
        outputs = yield Call(GRAPH, feeds(answer[first : first + len(following)], np.arange(len(following))))
        nats += _nats(outputs["logits"][0], following)
    return nats


def _nats(logits: np.ndarray, tokens: Sequence[int]) -> float:
    """Of tokens, all together, each under its row of logits (tokens, vocabulary)."""
    highest = logits.max(-1, keepdims=True)
    sums = np.exp(logits - highest).sum(-1, dtype=np.float64)  # in float64 the powers of a vocabulary take twice as long
    return float((highest[:, 0] + np.log(sums) - logits[np.arange(len(tokens)), tokens]).sum())


def feeds(new: Sequence[int], keep: np.ndarray | None = None) -> Tensors:
    """Inputs of the decoder for new tokens. keep: the places whose logits are wanted, at most `KEPT`; None: the last."""
    ids = np.asarray([new], np.int64)
    kept = np.array([len(new) - 1]) if keep is None else keep
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "keep": kept[None].astype(np.int64)}


def choose(logits: np.ndarray, said: Sequence[int], sampling: Sampling, random: np.random.Generator) -> int:
    """A token from logits (vocabulary,). said: the tokens so far, of the prompt too."""
    logits = penalized(logits, said, sampling)
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    with np.errstate(over="ignore"):  # the smallest temperatures leave the likeliest alone
        scores = (logits - logits.max()).astype(np.float64) / sampling.temperature
    probabilities = _probabilities(scores, sampling)
    return int(random.choice(len(probabilities), p=probabilities))


def penalized(scores: np.ndarray, said: Sequence[int], sampling: Sampling) -> np.ndarray:
    """Scores (vocabulary,), lower for tokens that were said, -inf for those that would repeat an n-gram."""
    if sampling.repetition_penalty != 1.0:
        scores = scores.copy()
        places = np.unique(np.asarray(said, np.int64))
        some = scores[places]
        scores[places] = np.where(some < 0, some * sampling.repetition_penalty, some / sampling.repetition_penalty)
    size = sampling.no_repeat_ngram
    if 0 < size <= len(said):
        scores = scores.copy()
        grams = np.lib.stride_tricks.sliding_window_view(np.asarray(said, np.int64), size)
        again = (grams[:, :-1] == np.asarray(said[len(said) - size + 1 :], np.int64)).all(1)
        scores[grams[again, -1]] = -np.inf
    return scores


def _probabilities(scores: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Softmax in double precision over those that top-k and top-p leave."""
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
