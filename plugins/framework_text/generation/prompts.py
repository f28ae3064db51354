"""Answers a prompt and scores an answer, with decoder-only and encoder-decoder models alike. No torch."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from framework import Call, Event, Tensors
from framework_text.generation.decoding import Decoding, Reader, Sampling, Source, decode, encode, likelihood


@dataclass(frozen=True)
class Answering:
    """A language model as codecs use it."""

    end_ids: frozenset[int]
    """Tokens that end an answer."""
    decoder_ids: Mapping[str, int | None] | None = None
    """None for a decoder-only model. For an encoder-decoder model the decoder's ``start`` token, and the tokens that answers
    are forced to begin with, ``forced_first``, and to end with at the limit, ``forced_last``; None: no token is forced."""

    def write(self, prompt: Sequence[int], limit: int, sampling: Sampling, read: Reader) -> Decoding:
        """Steps that decode the answer to a prompt, see `decode`."""
        if self.decoder_ids is None:
            return (yield from decode(prompt, limit, self.end_ids, sampling, read=read))
        source = Source((yield from encode(prompt)), self.decoder_ids["forced_first"], self.decoder_ids["forced_last"])
        return (yield from decode([self._start], limit, self.end_ids, sampling, source, read))

    def likelihood(self, prompt: Sequence[int], answer: Sequence[int]) -> Generator[Call | Event, Tensors, float]:
        """Steps that return the negative log likelihood of an answer, in nats, see `decoding.likelihood`."""
        if self.decoder_ids is None:
            return (yield from likelihood(prompt, answer))
        feeds = yield from encode(prompt)
        return (yield from likelihood([self._start], answer, feeds))

    @property
    def _start(self) -> int:
        assert self.decoder_ids is not None
        start = self.decoder_ids["start"]
        assert start is not None
        return start
