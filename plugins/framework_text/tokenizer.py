"""The tokenizer as one file: written from transformers' tokenizer, read with the library `tokenizers` alone, and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from framework import Check, Request, Tensors, mask, message

FILE = "tokenizer.json"
LONG = 1000  # characters from which a text is long
UNKNOWN = 0.02  # share of unknown tokens above which the backbone may not know the language
EXAMPLES = 2  # rows shown as the model sees them, at most
SEARCHED = 1000  # rows in which examples without personal data are sought, at most


def write_tokenizer(tokenizer: Any, max_length: int | None, folder: Path) -> None:
    """Saves a transformers tokenizer as tokenizer.json in `folder`, without padding.

    max_length: tokens at which the saved tokenizer truncates a text; None: it never truncates.
    """
    (folder / FILE).write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")
    copy = Tokenizer.from_file(str(folder / FILE))
    copy.no_padding()
    copy.no_truncation()
    if max_length is not None:
        copy.enable_truncation(max_length, direction=tokenizer.truncation_side)
    copy.save(str(folder / FILE))


def read_tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / FILE))


def token_ids(tokenizer: Tokenizer, text: str, special: bool = True) -> list[int]:
    """The token ids of a text.

    A long text goes through `encode_batch`, which releases the interpreter lock for other threads; `encode` holds it.

    special: whether to add the special tokens around the text.
    """
    if len(text) > LONG:
        encoding = tokenizer.encode_batch([text], add_special_tokens=special)[0]
    else:
        encoding = tokenizer.encode(text, add_special_tokens=special)
    ids: list[int] = encoding.ids
    return ids


def example_tokens(sizes: Mapping[str, int], vocabulary: int) -> Tensors:
    """Example inputs of a graph over texts: random token ids, where the second half of every other row is padding."""
    batch, sequence = sizes["batch"], sizes["sequence"]
    ids = np.random.default_rng(batch * 1000 + sequence).integers(min(5, vocabulary - 1), vocabulary, (batch, sequence))
    attended = np.ones((batch, sequence), dtype=np.int64)
    attended[1::2, max(1, sequence // 2) :] = 0
    return {"input_ids": ids.astype(np.int64), "attention_mask": attended}


def unknown_rate(tokens: np.ndarray, unknown: int | None) -> float:
    """The share of unknown tokens, 0 to 1. unknown: id of the unknown token; None: the tokenizer has none."""
    return float((tokens == unknown).mean()) if unknown is not None and tokens.size else 0.0


def presentable(texts: Sequence[str]) -> list[int]:
    """The numbers, from 0, of the first texts without personal data: at most `EXAMPLES`, among the first `SEARCHED` texts.

    Such texts are sought because personal data cannot be masked in tokens: a tokenizer splits addresses into pieces.
    """
    searched = range(min(SEARCHED, len(texts)))
    return list(islice((i for i in searched if mask(text := texts[i]) == text), EXAMPLES))


def same_tokens(reference: Any, max_length: int, ids_of: Callable[[Request], list[int]], role: str) -> Check:
    """The check that a codec's token ids equal those of transformers' tokenizer, for every request.

    reference: transformers' tokenizer. max_length: tokens at which `reference` truncates. ids_of: the codec's token ids of a
    request. role: key of the text in a request.
    """

    def run(requests: Sequence[Request]) -> list[int]:
        texts = [request[role] for request in requests]
        expected = reference(texts, truncation=True, max_length=max_length)["input_ids"]
        pairs = enumerate(zip(requests, expected, strict=True))
        return [row for row, (request, ids) in pairs if ids_of(request) != list(ids)]

    return Check(message("token ids equal transformers' tokenizer"), run)
