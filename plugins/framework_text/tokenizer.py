"""The tokenizer as one file: written from transformers' own, read with `tokenizers` alone, and the check that they agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from framework import Check, Request

FILE = "tokenizer.json"
LONG = 1000  # characters


def write_tokenizer(tokenizer: Any, max_length: int, folder: Path) -> None:
    """Saves a transformers tokenizer as tokenizer.json: no padding, truncation at `max_length` tokens."""
    (folder / FILE).write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    copy = Tokenizer.from_file(str(folder / FILE))
    copy.no_padding()
    copy.enable_truncation(max_length, direction=tokenizer.truncation_side)
    copy.save(str(folder / FILE))


def read_tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / FILE))


def token_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text. While a long one is tokenized other threads run: `encode` would keep them waiting."""
    found = tokenizer.encode_batch([text])[0] if len(text) > LONG else tokenizer.encode(text)
    ids: list[int] = found.ids
    return ids


def same_tokens(reference: Any, max_length: int, ids_of: Callable[[Any, Request], list[int]], role: str) -> Check:
    """The check that a codec's token ids equal those of transformers' tokenizer, row by row.

    ids_of: (codec, request) -> the codec's token ids.
    """

    def run(codec: Any, requests: Sequence[Request]) -> list[int]:
        texts = [request[role] for request in requests]
        expected = reference(texts, truncation=True, max_length=max_length)["input_ids"]
        pairs = enumerate(zip(requests, expected, strict=True))
        return [row for row, (request, ids) in pairs if ids_of(codec, request) != list(ids)]

    return Check("token ids equal transformers' tokenizer", run)
