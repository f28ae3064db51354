"""Features of single tokens from a frozen encoder, from which static token vectors are distilled.

Each entry of the vocabulary goes through the encoder as a text of its own (Tulkens and van Dongen 2024, Model2Vec).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from framework_text import feature_cache
from framework_text.features import FrozenEncoder
from framework_text.precision import computes_in_bfloat16
from framework_text.tokens import EncodedRows

CHUNK = 1024  # tokens that are read between two looks at the clock
ROWS = 256  # tokens of a batch: rows of a few tokens each


class TokenFeatures:
    """Reads single tokens with a frozen encoder; features that were computed before are in the cache.

    folder: of the backbone, before its vocabulary was pruned, on which the features of a token do not depend.
    """

    def __init__(self, encoder: FrozenEncoder, folder: Path) -> None:
        self.encoder, self.folder = encoder, folder

    def read(self, tokens: Sequence[int] | np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """The tokens that were read in so many seconds, int64 (read,), in their order, and their features, float32 (read, 2 x
        width). The first ones come first, and at least `CHUNK` of them are read. seconds: infinity is no limit.
        """
        names: list[str] = self.encoder.tokenizer.convert_ids_to_tokens([int(token) for token in tokens])
        stored = feature_cache.stored_tokens(self._identity)
        missing = [(int(token), name) for token, name in zip(tokens, names, strict=True) if name not in stored]
        computed = self._computed([token for token, _ in missing], seconds)
        if len(computed):
            stored |= {name: row for (_, name), row in zip(missing, computed, strict=False)}
            feature_cache.store_tokens(self._identity, stored)
        read = [(int(token), stored[name]) for token, name in zip(tokens, names, strict=True) if name in stored]
        return np.array([token for token, _ in read], np.int64), np.stack([row for _, row in read]).astype(np.float32)

    def _computed(self, tokens: Sequence[int], seconds: float) -> np.ndarray:
        """Features of the first tokens, as many as can be read in the time, float16 (read, 2 x width)."""
        started, parts = time.monotonic(), [np.zeros((0, 0), np.float16)]
        before, after = self._around
        for start in range(0, len(tokens), CHUNK):
            if start and time.monotonic() - started > seconds:
                break
            ids = [[*before, token, *after] for token in tokens[start : start + CHUNK]]
            parts.append(self.encoder.features_of(EncodedRows(ids, [0] * len(ids), [""] * len(ids)), ROWS).astype(np.float16))
        return np.concatenate(parts[1:]) if len(parts) > 1 else parts[0]

    @cached_property
    def _around(self) -> tuple[list[int], list[int]]:
        """Ids of the tokens that the tokenizer puts before and after every text."""
        encoding = self.encoder.tokenizer.backend_tokenizer.encode("a")
        inside = np.flatnonzero(np.array(encoding.special_tokens_mask) == 0)
        return encoding.ids[: inside[0]], encoding.ids[inside[-1] + 1 :]

    @cached_property
    def _identity(self) -> str:
        around = [self.encoder.tokenizer.convert_ids_to_tokens(ids) for ids in self._around]
        return feature_cache.identity(self.folder, "tokens", around, computes_in_bfloat16())
