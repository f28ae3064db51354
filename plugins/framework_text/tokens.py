"""Tokenized rows and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from framework import LengthBucketSampler, Section, Text
from framework_text.lengths import histogram
from framework_text.tokenizer import UNKNOWN, presentable, unknown_rate

Batch = dict[str, torch.Tensor]
CHUNK = 4096  # rows tokenized at once: a tokenizer's own output takes kilobytes a row


class TokenizedRows(Dataset[tuple[np.ndarray, int]]):
    """Token ids of each row, and one integer target. Tokenized once, a part at a time; four bytes a token are kept.

    tokens: the ids of all rows, one after the other. lengths: of each row.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str], targets: Sequence[int], max_length: int) -> None:
        rows: list[np.ndarray] = [np.zeros(0, np.int32)]
        lengths: list[int] = []
        source = iter(texts)
        while some := list(islice(source, CHUNK)):
            found = tokenizer(some, truncation=True, max_length=max_length, return_attention_mask=False)["input_ids"]
            lengths += map(len, found)
            rows.append(np.fromiter(chain.from_iterable(found), np.int32, sum(map(len, found))))
        self.tokens = np.concatenate(rows)
        self.lengths = np.array(lengths, np.int32)
        self.targets = targets
        self._ends = np.cumsum(self.lengths, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        end = self._ends[index]
        return self.tokens[end - self.lengths[index] : end], self.targets[index]


class Collate:
    """Rows -> input_ids and attention_mask (batch, longest), int64, padded on the right, and labels (batch,)."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[np.ndarray, int]]) -> Batch:
        longest = max(len(ids) for ids, _ in rows)
        ids = np.full((len(rows), longest), self.pad, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, (row, _) in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        labels = torch.tensor([target for _, target in rows])
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask), "labels": labels}


def batches(rows: TokenizedRows, sampler: LengthBucketSampler, pad: int) -> DataLoader[Any]:
    return DataLoader(rows, batch_sampler=sampler, collate_fn=Collate(pad), num_workers=0)


def describe(tokenizer: Any, texts: Sequence[str], rows: TokenizedRows, max_length: int) -> list[Section]:
    """Token-length quantiles, what the limit cuts, what the vocabulary does not know; two rows as the model sees them.

    texts: those of the rows.
    """
    quantiles = [(f"{q:.0%}", int(np.quantile(rows.lengths, q))) for q in (0.05, 0.5, 0.95, 1.0)]
    notes = []
    cut = int((rows.lengths >= max_length).sum())
    if cut:
        notes.append(f"{cut:,} training rows fill or pass the limit of {max_length} tokens and may be cut; task.max_length=")
    unknown = unknown_rate(rows.tokens, tokenizer.unk_token_id)
    if unknown > UNKNOWN:
        notes.append(f"warning: {unknown:.1%} of the tokens are unknown to this backbone's vocabulary; "
                     "it may not know the language of these texts (model.name= chooses another)")  # fmt: skip
    chart = histogram("Tokens of a training row", "tokens", {"train": rows.lengths})
    return [
        Section("Tokens of a training row", ("quantile", "tokens"), quantiles, "\n".join(notes), charts=(chart,)),
        _examples(tokenizer, texts, rows),
    ]


def _examples(tokenizer: Any, texts: Sequence[str], rows: TokenizedRows) -> Section:
    shown = [(f"row {i + 1}", Text(tokenizer.decode(rows[i][0].tolist()))) for i in presentable(texts)]
    return Section("Training rows as the model sees them", ("", "tokens, decoded"), shown)
