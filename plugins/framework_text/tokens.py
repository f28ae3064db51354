"""Tokenized rows with one label each or one label a token, and padded batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from framework import LengthBucketSampler, Section, Text, joined, message, messages
from framework_text.lengths import histogram
from framework_text.tokenizer import UNKNOWN, presentable, unknown_rate

Batch = dict[str, torch.Tensor]
Target = int | Sequence[int]
CHUNK = 4096  # rows tokenized at once: the output of a tokenizer takes kilobytes a row
EVALUATED = 64  # rows of a batch in evaluation
IGNORED = -100  # label of tokens without one; PyTorch's cross entropy ignores it


class EncodedRows(Dataset[tuple[np.ndarray, Target]]):
    """Token ids and target of each row. A target is one label, or a list of labels, such as one for each token.

    tokens: int32, the ids of all rows, concatenated. lengths: int32 (rows,), tokens of each row. texts: the rows as text, for
    sections.
    """

    def __init__(self, ids: Iterable[Sequence[int]], targets: Sequence[Target], texts: Sequence[str]) -> None:
        rows: list[np.ndarray] = [np.zeros(0, np.int32)]
        lengths: list[int] = []
        source = iter(ids)
        while chunk := list(islice(source, CHUNK)):
            lengths += map(len, chunk)
            rows.append(np.fromiter(chain.from_iterable(chunk), np.int32, sum(map(len, chunk))))
        self.tokens = np.concatenate(rows)
        self.lengths = np.array(lengths, np.int32)
        self.targets = targets
        self.texts = texts
        self._ends = np.cumsum(self.lengths, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, Target]:
        end = self._ends[index]
        return self.tokens[end - self.lengths[index] : end], self.targets[index]


class TokenizedRows(EncodedRows):
    """Texts, tokenized once, in chunks; those longer than `max_length` tokens are truncated."""

    def __init__(self, tokenizer: Any, texts: Sequence[str], targets: Sequence[Target], max_length: int) -> None:
        super().__init__(_token_ids(tokenizer, texts, max_length), targets, texts)


def _token_ids(tokenizer: Any, texts: Sequence[str], max_length: int) -> Iterable[Sequence[int]]:
    source = iter(texts)
    while chunk := list(islice(source, CHUNK)):
        yield from tokenizer(chunk, truncation=True, max_length=max_length, return_attention_mask=False)["input_ids"]


class TokenCollator:
    """Collates rows into input_ids and attention_mask, int64 (batch, longest row), padded on the right, and labels.

    labels: int64 (batch,) where each row has one label, else (batch, most labels of a row), padded with `IGNORED`.
    """

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[tuple[np.ndarray, Target]]) -> Batch:
        ids = _padded([row for row, _ in rows], self.pad)
        mask = _padded([np.ones(len(row), np.int64) for row, _ in rows], 0)
        labels = torch.from_numpy(_labels([target for _, target in rows]))
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask), "labels": labels}


def countable(labels: torch.Tensor, axes: int) -> torch.Tensor:
    """Which labels, or rows of labels, count: those that are not `IGNORED`; all rows of a head over texts with several labels.

    labels: as collated. axes: of the head's outputs, or inputs, 2 over texts and 3 over tokens.
    """
    return torch.ones(len(labels), dtype=torch.bool) if labels.ndim == axes == 2 else labels != IGNORED


def _labels(targets: Sequence[Any]) -> np.ndarray:
    if isinstance(targets[0], int | np.integer):
        return np.asarray(targets, dtype=np.int64)
    return _padded(targets, IGNORED)


def _padded(rows: Sequence[Sequence[int] | np.ndarray], value: int) -> np.ndarray:
    filled = np.full((len(rows), max(map(len, rows))), value, dtype=np.int64)
    for i, row in enumerate(rows):
        filled[i, : len(row)] = row
    return filled


def batches(rows: EncodedRows, sampler: LengthBucketSampler, pad: int) -> DataLoader[Any]:
    """Batches of rows in the order of the sampler. pad: id of the padding token."""
    return DataLoader(rows, batch_sampler=sampler, collate_fn=TokenCollator(pad), num_workers=0)


def in_order(rows: EncodedRows, pad: int) -> DataLoader[Any]:
    """Batches for evaluation: every row once, the shortest first. pad: id of the padding token."""
    return batches(rows, LengthBucketSampler(rows.lengths, EVALUATED, shuffle=False), pad)


def describe(tokenizer: Any, rows: EncodedRows, max_length: int, *, cuts: bool = True) -> list[Section]:
    """Sections for the report: quantiles of row lengths, truncated rows, unknown tokens, and two rows as the model sees them.

    cuts: whether rows are truncated at `max_length`.
    """
    quantiles = [(f"{q:.0%}", int(np.quantile(rows.lengths, q))) for q in (0.05, 0.5, 0.95, 1.0)]
    notes = []
    truncated = int((rows.lengths >= max_length).sum())
    if truncated and cuts:
        notes.append(
            message(
                "{rows:,} training rows fill or pass the limit of {limit} tokens and may be cut; task.max_length=",
                rows=truncated,
                limit=max_length,
            )
        )
    unknown = unknown_rate(rows.tokens, tokenizer.unk_token_id)
    if unknown > UNKNOWN:
        notes.append(
            message(
                "warning: {share:.1%} of the tokens are unknown to this backbone's vocabulary; "
                "it may not know the language of these texts (model.name= chooses another)",
                share=unknown,
            )
        )
    title = message("Tokens of a training row")
    chart = histogram(title, message("tokens"), {message("train"): rows.lengths})
    return [
        Section(title, messages("quantile", "tokens"), quantiles, joined(notes), charts=(chart,)),
        _examples(tokenizer, rows),
    ]


def _examples(tokenizer: Any, rows: EncodedRows) -> Section:
    shown = [
        (message("row {number}", number=i + 1), Text(tokenizer.decode(rows[i][0].tolist()))) for i in presentable(rows.texts)
    ]
    return Section(message("Training rows as the model sees them"), ("", message("tokens, decoded")), shown)
