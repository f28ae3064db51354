"""Previews the rows of a generator for the verb `check`: tokens, what limits cut off, unknown tokens. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from framework import Inspection, Problem, Section, Text, message, messages
from framework_text.generation.offline_tokenizer import described
from framework_text.generation.options import Writing
from framework_text.generation.pairs import Length, Pair
from framework_text.generation.prompting import Prompting
from framework_text.tokenizer import UNKNOWN, presentable, unknown_rate

SAMPLE = 2000  # training rows that are tokenized, at most
CUT = 0.05  # share of rows cut by a limit above which it is a problem
MARKS = ("[UNK]", "<unk>")


def inspect(prompting: Prompting[Any, Any, Any], data: Any, options: Any, writing: Writing) -> Inspection:
    """Sections and problems for `Candidate.inspect` of a writer. options: of the task."""
    reading, written = prompting.reading(options), prompting.writing(options)
    description = described(writing, reading.tokens, f"{reading.key}=")
    if description is None:
        return Inspection([_unconverted(writing.backbone.chosen.name)])
    tokenizer, network = description
    codec = tokenizer.codec(prompting.codec, prompting.settings(tokenizer, network, options))
    examples = prompting.examples(data, "train")
    first = examples[:SAMPLE]
    pairs = [prompting.pair(codec, example) for example in first]
    note = "" if len(first) == len(examples) else f"Of the first {len(first):,} of {len(examples):,} training rows."
    sections = [
        _rows(tokenizer.backend, pairs, [prompting.text(example) for example in first]),
        _tokens(pairs, note),
        limits_section(pairs, reading, written, note),
    ]
    return Inspection(sections, [*_cut(pairs, reading, written), *_unknown(tokenizer.backend, pairs)])


def limits_section(pairs: Sequence[Pair], reading: Length, writing: Length, note: str = "") -> Section:
    """How many prompts and answers the recipe's limits cut. pairs: at least one. note: for the section; "": none."""
    counts = _counts(pairs, reading, writing)
    rows = [(length.loss, f"{count:,}", f"{count / len(pairs):.1%}", str(length)) for length, count in counts]
    header = ("", *messages("rows", "share", "set by"))
    return Section(message("What limits take away"), header, rows, note)


def _counts(pairs: Sequence[Pair], reading: Length, writing: Length) -> list[tuple[Length, int]]:
    return [(reading, sum(pair.shortened for pair in pairs)), (writing, sum(pair.cut for pair in pairs))]


def _cut(pairs: Sequence[Pair], reading: Length, writing: Length) -> list[Problem]:
    return [
        Problem(f"{count / len(pairs):.0%} of the training rows: {length.loss}", f"{length}; more takes time and memory")
        for length, count in _counts(pairs, reading, writing)
        if count > CUT * len(pairs)
    ]


def _rows(tokenizer: Tokenizer, pairs: Sequence[Pair], texts: Sequence[str]) -> Section:
    """texts: of each pair, prompt and answer as text."""
    parts = [(pairs[i].prompt, pairs[i].answer) for i in presentable(texts)]
    shown = [(*map(len, part), *(Text(_decoded(tokenizer, ids)) for ids in part)) for part in parts]
    return Section("Rows as the model sees them", ("tokens read", "learned", "prompt", "answer, learned"), shown)


def _tokens(pairs: Sequence[Pair], note: str) -> Section:
    tokens = np.array([[len(pair.prompt), len(pair.answer)] for pair in pairs])
    table = [(f"{q:.0%}", *(int(value) for value in np.quantile(tokens, q, axis=0))) for q in (0.05, 0.5, 0.95, 1.0)]
    return Section("Tokens of a training row", ("quantile", "prompt", "answer"), table, note)


def _unconverted(name: str | None) -> Section:
    note = f"{name} is converted by the first run; until then its tokens cannot be counted"
    return Section("Rows as the model sees them", note=note)


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(list(ids), skip_special_tokens=False)
    return text


def _unknown(tokenizer: Tokenizer, pairs: Sequence[Pair]) -> list[Problem]:
    ids = [number for mark in MARKS if (number := tokenizer.token_to_id(mark)) is not None]
    tokens = np.fromiter(chain.from_iterable(chain(pair.prompt, pair.answer) for pair in pairs), np.int64)
    share = unknown_rate(tokens, ids[0] if ids else None)
    if share <= UNKNOWN:
        return []
    what = f"{share:.1%} of the tokens are unknown to this backbone's vocabulary: it may not know the language"
    return [Problem(what, "model.name= chooses another, such as a multilingual one")]
