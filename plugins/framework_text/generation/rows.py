"""Prompts and answers as tokens, and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

IGNORED = -100  # a label that the loss does not count

PADDING = 0.05  # of the tokens of a run at most: rows of a batch that are much shorter than others are run apart from them

Batch = dict[str, torch.Tensor]


class PromptedRows(Dataset[tuple[np.ndarray, int]]):
    """Each row is a prompt followed by the answer to learn. lengths: tokens of both together."""

    def __init__(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> None:
        self.rows = [np.array([*prompt, *answer], np.int64) for prompt, answer in zip(prompts, answers, strict=True)]
        self.begins = [len(prompt) for prompt in prompts]
        self.lengths = np.array([len(row) for row in self.rows], np.int32)

    def sizes(self, *, apart: bool) -> np.ndarray:
        """(rows, 2): tokens of prompt and answer, which encoder-decoder models keep apart; or (rows, 1), of both together."""
        begins = np.array(self.begins, np.int32)
        return np.stack([begins, self.lengths - begins], 1) if apart else self.lengths[:, None]

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


def runs(sizes: np.ndarray) -> list[list[int]]:
    """The rows of a batch in groups, of the tokens of each of which at most `PADDING` is padding; one group where that is so.

    sizes: (rows, parts), tokens that are padded part by part.
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
    """Tokens that a run of these rows takes."""
    return len(rows) * int(sizes[list(rows)].max(0).sum())


def part(batch: Batch, rows: Sequence[int]) -> Batch:
    """Some rows of a batch, without what only the others need."""
    some = {name: tensor[list(rows)] for name, tensor in batch.items()}
    read = int(some["attention_mask"].sum(1).max())
    written = int((some["labels"] != IGNORED).cumsum(1).argmax(1).max()) + 1
    return {name: tensor[:, : written if name == "labels" else read] for name, tensor in some.items()}


def _padded(rows: Sequence[np.ndarray], pad: int) -> np.ndarray:
    padded = np.full((len(rows), max(map(len, rows))), pad)
    for i, row in enumerate(rows):
        padded[i, : len(row)] = row
    return padded
