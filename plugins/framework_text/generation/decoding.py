"""Decoding in numpy: one token after another from a decoder's logits, whatever runs the decoder. No torch."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from framework import Call, Event, Tensors

GRAPH = "decoder"
KEPT = 8  # tokens of a run whose logits may be asked for: vocabularies are large


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    temperature: 0 takes the likeliest; otherwise logits are divided by it. top_k: among so many of the likeliest, 0 among all.
    top_p: among the fewest that together have this probability (Holtzman et al. 2020). repetition_penalty: above 1, what
    was said is less likely (Keskar et al. 2019). seed: the same choices again.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None


@dataclass(frozen=True)
class Decoded:
    """tokens: chosen, without the one that ended it. stopped: by such a token; otherwise the limit was reached."""

    tokens: list[int]
    stopped: bool


def decode(
    prompt: Sequence[int], limit: int, ends: Collection[int], sampling: Sampling
) -> Generator[Call | Event, Tensors, Decoded]:
    """Steps of a codec: calls of the decoder, an event ``{"token": id}`` for each token chosen.

    prompt: token ids, at least one. limit: of tokens chosen. ends: those that end it.
    """
    random = np.random.default_rng(sampling.seed)
    tokens: list[int] = []
    new = list(prompt)
    while len(tokens) < limit:
        outputs = yield Call(GRAPH, feeds(new))
        token = choose(outputs["logits"][0, -1], [*prompt, *tokens], sampling, random)
        if token in ends:
            return Decoded(tokens, stopped=True)
        tokens.append(token)
        yield Event({"token": token})
        new = [token]
    return Decoded(tokens, stopped=False)


def likelihood(prompt: Sequence[int], answer: Sequence[int]) -> Generator[Call, Tensors, float]:
    """Steps of a codec that end with the nats of an answer's tokens, all together, after the prompt."""
    whole, first, fed, nats = [*prompt, *answer], len(prompt) - 1, 0, 0.0
    while first < len(whole) - 1:
        last = min(first + KEPT, len(whole) - 1)
        outputs = yield Call(GRAPH, feeds(whole[fed:last], np.arange(first - fed, last - fed)))
        logits = outputs["logits"][0].astype(np.float64)
        highest = logits.max(-1)
        chosen = logits[np.arange(len(logits)), whole[first + 1 : last + 1]]
        nats += float((highest + np.log(np.exp(logits - highest[:, None]).sum(-1)) - chosen).sum())
        first = fed = last
    return nats


def feeds(new: Sequence[int], keep: np.ndarray | None = None) -> Tensors:
    """Inputs of the decoder for new tokens. keep: the places whose logits are wanted, at most `KEPT`; None: the last."""
    ids = np.asarray([new], np.int64)
    kept = np.array([len(new) - 1]) if keep is None else keep
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "keep": kept[None].astype(np.int64)}


def choose(logits: np.ndarray, said: Sequence[int], sampling: Sampling, random: np.random.Generator) -> int:
    """A token from logits (vocabulary,). said: the tokens so far, of the prompt too."""
    if sampling.repetition_penalty != 1.0:
        logits = logits.copy()
        places = np.unique(np.asarray(said, np.int64))
        some = logits[places]
        logits[places] = np.where(some < 0, some * sampling.repetition_penalty, some / sampling.repetition_penalty)
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    probabilities = _probabilities(logits / sampling.temperature, sampling)
    return int(random.choice(len(probabilities), p=probabilities))


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
