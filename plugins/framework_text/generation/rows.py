"""Prompts and answers as tokens, and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

IGNORED = -100  # label of tokens that do not count in the loss
PADDING = 0.05  # share of padding in a forward pass, at most: much shorter rows of a batch go through a further pass

Batch = dict[str, torch.Tensor]


class PromptedRows(Dataset[tuple[np.ndarray, int]]):
    """Training rows: a prompt followed by its answer, as token ids. lengths: int32 (rows,), tokens of both together."""

    def __init__(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.rows = [np.array([*prompt, *answer], np.int64) for prompt, answer in zip(prompts, answers, strict=True)]
        self.begins = [len(prompt) for prompt in prompts]
        self.lengths = np.array([len(row) for row in self.rows], np.int32)

    def sizes(self, *, apart: bool) -> np.ndarray:
        """Tokens of each row: (rows, 2), of prompt and answer, if `apart` (encoder-decoder models); else (rows, 1), of both."""
        begins = np.array(self.begins, np.int32)
        return np.stack([begins, self.lengths - begins], 1) if apart else self.lengths[:, None]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.rows[index], self.begins[index]


class PromptCollator:
    """Collates rows into input_ids, attention_mask and labels, int64 (batch, longest row), padded on the right.

    Labels are `IGNORED` outside the answers. apart: for encoder-decoder models: input_ids are the prompts alone, and labels,
    (batch, longest answer), the answers.
    """

    def __init__(self, pad: int, *, apart: bool = False) -> None:
        self.pad = pad
        self.apart = apart

    def __call__(self, rows: Sequence[tuple[np.ndarray, int]]) -> Batch:
        inputs = [row[:begin] if self.apart else row for row, begin in rows]
        labels = [row[begin:] if self.apart else np.where(np.arange(len(row)) < begin, IGNORED, row) for row, begin in rows]
        arrays = {
            "input_ids": _padded(inputs, self.pad),
            "attention_mask": _padded([np.ones_like(row) for row in inputs], 0),
            "labels": _padded(labels, IGNORED),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def runs(sizes: np.ndarray) -> list[list[int]]:
    """Groups the rows of a batch so that in each group at most the share `PADDING` of tokens is padding; one group if all fit.

    sizes: see `PromptedRows.sizes`; each column is padded by itself. Returns row numbers.
    """
    if tokens_taken(sizes, range(len(sizes))) * (1 - PADDING) <= sizes.sum():
        return [list(range(len(sizes)))]
    groups: list[list[int]] = []
    for row in np.argsort(-sizes.sum(1), kind="stable").tolist():
        longer = [*groups[-1], row] if groups else [row]
        if groups and tokens_taken(sizes, longer) * (1 - PADDING) <= sizes[longer].sum():
            groups[-1] = longer
        else:
            groups.append([row])
    return groups


def tokens_taken(sizes: np.ndarray, rows: Sequence[int]) -> int:
    """The number of tokens, padding included, of a forward pass over these rows. sizes: see `PromptedRows.sizes`."""
    return len(rows) * int(sizes[list(rows)].max(0).sum())


def batch_part(batch: Batch, rows: Sequence[int]) -> Batch:
    """The given rows of a batch, without padding that only other rows need."""
    subset = {name: tensor[list(rows)] for name, tensor in batch.items()}
    longest = int(subset["attention_mask"].sum(1).max())
    answer = int((subset["labels"] != IGNORED).cumsum(1).argmax(1).max()) + 1
    return {name: tensor[:, : answer if name == "labels" else longest] for name, tensor in subset.items()}


def _padded(rows: Sequence[np.ndarray], pad: int) -> np.ndarray:
    padded = np.full((len(rows), max(map(len, rows))), pad)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded
