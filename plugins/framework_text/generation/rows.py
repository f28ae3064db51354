"""Prompts and answers as tokens, and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

IGNORED = -100  # a label that the loss does not count

Batch = dict[str, torch.Tensor]


class PromptedRows(Dataset[tuple[np.ndarray, int]]):
    """Each row is a prompt followed by the answer to learn. lengths: tokens of both together."""

    def __init__(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.rows = [np.array([*prompt, *answer], np.int64) for prompt, answer in zip(prompts, answers, strict=True)]
        self.begins = [len(prompt) for prompt in prompts]
        self.lengths = np.array([len(row) for row in self.rows], np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.rows[index], self.begins[index]


class Collate:
    """Rows -> input_ids, attention_mask, labels (batch, longest), padded on the right; labels are the answers alone.

    apart: for encoder-decoder models: input_ids are the prompts alone, and labels have a length of their own.
    """

    def __init__(self, pad: int, *, apart: bool = False) -> None:
        self.pad = pad
        self.apart = apart

    def __call__(self, rows: Sequence[tuple[np.ndarray, int]]) -> Batch:
        read = [row[:begin] if self.apart else row for row, begin in rows]
        labels = [row[begin:] if self.apart else np.where(np.arange(len(row)) < begin, IGNORED, row) for row, begin in rows]
        arrays = {
            "input_ids": _padded(read, self.pad),
            "attention_mask": _padded([np.ones_like(row) for row in read], 0),
            "labels": _padded(labels, IGNORED),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _padded(rows: Sequence[np.ndarray], pad: int) -> np.ndarray:
    padded = np.full((len(rows), max(map(len, rows))), pad)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded
