"""What a generator will see of its rows: tokens, what limits cut, what its vocabulary does not know. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from framework import Problem, Section, Text
from framework_text.tokenizer import UNKNOWN, presentable, unknown_rate

SAMPLE = 2000  # training rows that are tokenized
CUT = 0.05  # share of rows that a limit cuts from which it is a problem
MARKS = ("[UNK]", "<unk>")


@dataclass(frozen=True)
class Seen:
    """A row in tokens, as it is learned. shortened, cut: whether the limits of the prompt and of the answer took some away."""

    prompt: Sequence[int]
    answer: Sequence[int]
    shortened: bool
    cut: bool


@dataclass(frozen=True)
class Limit:
    """setting: with its value, task.max_text=512. what: it takes away, where it is too low."""

    setting: str
    what: str


def preview(
    tokenizer: Tokenizer, rows: Sequence[Seen], texts: Sequence[str], total: int, prompts: Limit, answers: Limit
) -> tuple[list[Section], list[Problem]]:
    """rows: the first of `total` training rows; texts: of each, all that it says."""
    parts = [(rows[i].prompt, rows[i].answer) for i in presentable(texts)]
    shown = [(*map(len, pair), *(Text(_decoded(tokenizer, ids)) for ids in pair)) for pair in parts]
    tokens = np.array([[len(row.prompt), len(row.answer)] for row in rows])
    table = [(f"{q:.0%}", *(int(value) for value in np.quantile(tokens, q, axis=0))) for q in (0.05, 0.5, 0.95, 1.0)]
    counts = {prompts: sum(row.shortened for row in rows), answers: sum(row.cut for row in rows)}
    lost = [(limit.what, f"{count:,}", f"{count / len(rows):.1%}", limit.setting) for limit, count in counts.items()]
    of = "" if len(rows) == total else f"Of the first {len(rows):,} of {total:,} training rows."
    problems = [
        Problem(f"{count / len(rows):.0%} of the training rows: {limit.what}", f"{limit.setting}; more takes time and memory")
        for limit, count in counts.items()
        if count > CUT * len(rows)
    ]
    sections = [
        Section("Rows as the model sees them", ("tokens read", "learned", "prompt", "answer, learned"), shown),
        Section("Tokens of a training row", ("quantile", "prompt", "answer"), table, of),
        Section("What limits take away", ("", "rows", "share", "set by"), lost, of),
    ]
    return sections, [*problems, *_unknown(tokenizer, rows)]


def unconverted(name: str | None) -> Section:
    note = f"{name} is converted by the first run; until then its tokens cannot be counted"
    return Section("Rows as the model sees them", note=note)


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False)
    return text


def _unknown(tokenizer: Tokenizer, rows: Sequence[Seen]) -> list[Problem]:
    known = [number for mark in MARKS if (number := tokenizer.token_to_id(mark)) is not None]
    tokens = np.fromiter(chain.from_iterable(chain(row.prompt, row.answer) for row in rows), np.int64)
    share = unknown_rate(tokens, known[0] if known else None)
    if share <= UNKNOWN:
        return []
    what = f"{share:.1%} of the tokens are unknown to this backbone's vocabulary: it may not know the language"
    return [Problem(what, "model.name= chooses another, such as a multilingual one")]
