"""Aligns words with sub-word tokens (pieces), and cuts texts longer than the model's limit into windows.

The first piece of a word carries the word's tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

IGNORED = -100  # the target of tokens that carry no tag, as PyTorch's cross entropy ignores it
LONG = 300  # words above which a text is encoded without blocking other threads
NO_PIECE = -1  # in place of the position of the first piece, where a word has no pieces, such as a control character


@dataclass(frozen=True)
class Window:
    """A part of a text as a model reads it."""

    first: int
    """Position of the first word in the text."""
    last: int
    """Position after the last word in the text."""
    ids: Sequence[int]
    """Token ids, those of special tokens included."""
    heads: Sequence[int]
    """For each word the position in `ids` of its first piece, or `NO_PIECE`."""
    answers: range
    """Positions in the text of the words whose tags are taken from this window."""


@dataclass(frozen=True)
class Aligner:
    """Cuts words into overlapping windows. Build it with `Aligner.of`."""

    tokenizer: Tokenizer
    max_length: int
    """Tokens of a window at most, special ones included."""
    overlap: int
    """Words that neighbouring windows share."""
    prefix: Sequence[int]
    """Ids of the special tokens before every text."""
    suffix: Sequence[int]
    """Ids of the special tokens after every text."""

    @classmethod
    def of(cls, tokenizer: Tokenizer, max_length: int, overlap: int = 32) -> Aligner:
        """An aligner with this tokenizer, which is changed: truncation and padding are turned off, and a byte-level one puts a
        space before every word, as RoBERTa was trained. Raises ValueError where no piece fits into `max_length`.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        if isinstance(tokenizer.pre_tokenizer, ByteLevel):
            tokenizer.pre_tokenizer.add_prefix_space = True
        probe = tokenizer.encode(["a"], is_pretokenized=True)
        inside = [place for place, special in enumerate(probe.special_tokens_mask) if not special]
        first, last = (inside[0], inside[-1] + 1) if inside else (len(probe.ids),) * 2
        prefix, suffix = probe.ids[:first], probe.ids[last:]
        if max_length <= len(prefix) + len(suffix):
            raise ValueError(f"max_length={max_length} leaves no room beside {len(prefix) + len(suffix)} special tokens")
        return cls(tokenizer, max_length, overlap, prefix, suffix)

    def windows(self, words: Sequence[str]) -> list[Window]:
        """The windows of a text, at least one. A word with more pieces than half a window holds is cut to that many pieces."""
        room = self.max_length - len(self.prefix) - len(self.suffix)
        pieces = self._pieces(words, max(1, room // 2))
        bounds = window_bounds([len(ids) for ids in pieces], room, self.overlap)
        answers = answering(bounds)
        return [self._window(pieces, *bound, answer) for bound, answer in zip(bounds, answers, strict=True)]

    def _pieces(self, words: Sequence[str], most: int) -> list[list[int]]:
        """The token ids of each word, at most `most`. Long texts use `encode_batch`, which does not block other threads."""
        options = {"is_pretokenized": True, "add_special_tokens": False}
        if len(words) > LONG:
            encoding = self.tokenizer.encode_batch([list(words)], **options)[0]
        else:
            encoding = self.tokenizer.encode(list(words), **options)
        pieces: list[list[int]] = [[] for _ in words]
        for piece, word in zip(encoding.ids, encoding.word_ids, strict=True):
            if word is not None and len(pieces[word]) < most:
                pieces[word].append(piece)
        return pieces

    def _window(self, pieces: Sequence[Sequence[int]], first: int, last: int, answers: range) -> Window:
        ids = list(self.prefix)
        heads = []
        for word in pieces[first:last]:
            heads.append(len(ids) if word else NO_PIECE)
            ids.extend(word)
        return Window(first, last, [*ids, *self.suffix], heads, answers)


def window_bounds(lengths: Sequence[int], room: int, overlap: int) -> list[tuple[int, int]]:
    """(first word, end) of each window. lengths: pieces of each word, none more than `room`. room: pieces of a window.

    A window begins `overlap` words before the end of the previous one, or later where it would not reach beyond that end.
    """
    ends = np.cumsum([0, *lengths])
    bounds: list[tuple[int, int]] = []
    first, last = 0, _reach(ends, 0, room)
    while last < len(lengths):
        bounds.append((first, last))
        first = max(first + 1, last - overlap)
        while _reach(ends, first, room) <= last:
            first += 1
        last = _reach(ends, first, room)
    return [*bounds, (first, last)]


def _reach(ends: np.ndarray, first: int, room: int) -> int:
    """The end of the longest window that begins with the word `first`.

    ends: pieces before each word. room: pieces of a window, at most.
    """
    return int(np.searchsorted(ends, ends[first] + room, side="right")) - 1


def answering(bounds: Sequence[tuple[int, int]]) -> list[range]:
    """The words that each window answers: of an overlap of two windows, the earlier one answers the first half."""
    cuts = [(before[1] + after[0] + 1) // 2 for before, after in pairwise(bounds)]
    starts, ends = [bounds[0][0], *cuts], [*cuts, bounds[-1][1]]
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


def targets(window: Window, tags: Sequence[int]) -> list[int]:
    """The target of each token of a window: the tag of a word on its first piece, `IGNORED` elsewhere.

    tags: the tag number of each word of the text.
    """
    numbers = [IGNORED] * len(window.ids)
    for word, head in enumerate(window.heads, window.first):
        if head != NO_PIECE:
            numbers[head] = tags[word]
    return numbers


def word_probabilities(window: Window, probabilities: np.ndarray, padding: int) -> np.ndarray:
    """Probabilities (answered words, tags) of a window.

    probabilities: (tokens, tags) of its tokens. padding: the tag that a word without a piece gets with probability 1.
    """
    heads = np.asarray([window.heads[word - window.first] for word in window.answers], dtype=np.int64)
    rows: np.ndarray = probabilities[heads] if len(heads) else probabilities[:0]
    certain = np.eye(probabilities.shape[1], dtype=probabilities.dtype)[padding]
    return np.where((heads == NO_PIECE)[:, None], certain, rows)
