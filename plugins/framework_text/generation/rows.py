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
    """Rows -> input_ids, attention_mask, labels (batch, longest), padded on the right; labels are the answers alone."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[np.ndarray, int]]) -> Batch:
        shape = len(rows), max(len(row) for row, _ in rows)
        ids, mask, labels = np.full(shape, self.pad), np.zeros(shape, np.int64), np.full(shape, IGNORED)
        for i, (row, begin) in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
            labels[i, begin : len(row)] = row[begin:]
        arrays = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
