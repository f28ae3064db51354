"""How a model answers a prompt, and how likely it holds an answer, with an encoder or as a decoder alone. No torch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoding, Reader, Sampling, Source, decode, encode, likelihood


@dataclass(frozen=True)
class Answering:
    """ends: tokens that end an answer. opening: None where a decoder reads the prompt itself; of an encoder-decoder model the
    token that `start`s its decoder, and those forced to be the `first` and, at the limit, the `last`.
    """

    ends: frozenset[int]
    opening: Mapping[str, int | None] | None = None

    def write(self, prompt: Sequence[int], limit: int, sampling: Sampling, read: Reader) -> Decoding:
        if self.opening is None:
            return (yield from decode(prompt, limit, self.ends, sampling, read=read))
        source = Source((yield from encode(prompt)), self.opening["first"], self.opening["last"])
        return (yield from decode([self._start], limit, self.ends, sampling, source, read))

    def likelihood(self, prompt: Sequence[int], answer: Sequence[int]) -> Generator[Call | Event, Tensors, float]:
        """Steps that end with the nats of an answer's tokens, all together."""
        if self.opening is None:
            return (yield from likelihood(prompt, answer))
        feeds = yield from encode(prompt)
        return (yield from likelihood([self._start], answer, feeds))

    @property
    def _start(self) -> int:
        assert self.opening is not None
        start = self.opening["start"]
        assert start is not None
        return start
