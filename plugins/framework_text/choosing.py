"""Chooses the backbone of a fit: the recipe's first, or the recipe's alternative for texts in other languages. No torch.

The vocabulary of a multilingual backbone is pruned to what the texts need.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from framework import FitContext, FrameworkError, InputError, Section
from framework_text import backbones
from framework_text.card import read_card
from framework_text.options import Backbone, FineTuning
from framework_text.pruning import prune, script_of
from framework_text.tokenizer import unknown_rate

SAMPLE = 2000  # texts that are tokenized, evenly spread, at most
UNKNOWN = 0.05  # share of unknown tokens above which a vocabulary does not fit the texts
TORN = 0.4  # share of tokens that are single letters of an alphabet, above which a vocabulary does not fit either
WRITTEN_WHOLE = {"CJK", "HIRAGANA", "KATAKANA"}  # scripts in which one character is a word or a syllable
MARKS = ("[UNK]", "<unk>")  # how tokenizers write the unknown token


@dataclass(frozen=True)
class Choice:
    """The backbone that a fit starts from."""

    backbone: Backbone
    """The `backbone:` section, whose `chosen` is this backbone."""
    reason: str = ""
    """Why the backbone is not the recipe's first; empty if it is."""

    def sections(self) -> list[Section]:
        return [Section("Backbone", ("", ""), [("chosen", str(self.backbone.chosen.name))], self.reason)] if self.reason else []


def choose(backbone: Backbone, texts: Sequence[str]) -> Choice:
    """The recipe's first backbone, or `otherwise` where the first one's vocabulary does not cover the language of the texts.

    Raises InputError where `otherwise` is needed and cannot be fetched.
    """
    if backbone.name or not backbone.source.name or not backbone.otherwise.name:
        return Choice(backbone)
    misfit = _misfit(backbones.fetch(backbone.source), texts)
    if not misfit:
        return Choice(backbone)
    reason = f"{misfit} {backbone.source.name}, which was made for another language"
    try:
        backbones.fetch(backbone.otherwise)
    except FrameworkError as error:
        first = f"model.name={backbone.source.name} takes the first all the same"
        raise InputError(f"{reason}; {backbone.otherwise.name} knows it: {error}; {first}") from error
    return Choice(replace(backbone, source=backbone.otherwise), f"{reason}: {backbone.otherwise.name} takes its place.")


def _misfit(folder: Path, texts: Sequence[str]) -> str:
    """Why a backbone's vocabulary does not fit the texts, as the beginning of a sentence; "" where it fits."""
    tokenizer = backbones.plain_tokenizer(folder)
    if tokenizer is None or not len(texts):
        return ""
    tokenizer.no_padding()
    rows = np.unique(np.linspace(0, len(texts) - 1, SAMPLE).astype(int)).tolist()
    encoded = tokenizer.encode_batch([texts[i] for i in rows], add_special_tokens=False)
    ids = np.fromiter(chain.from_iterable(encoding.ids for encoding in encoded), np.int64)
    unknown = unknown_rate(ids, next((i for mark in MARKS if (i := tokenizer.token_to_id(mark)) is not None), None))
    if unknown > UNKNOWN:
        return f"{unknown:.0%} of the tokens of the training texts are unknown to"
    torn = float(np.isin(ids, _single_letters(tokenizer)).mean()) if len(ids) else 0.0
    return f"{torn:.0%} of the tokens of the training texts are single letters to" if torn > TORN else ""


def _single_letters(tokenizer: Tokenizer) -> list[int]:
    """Ids of the tokens that are one letter of an alphabet."""
    bare = ((piece.removeprefix("##").lstrip("▁Ġ"), number) for piece, number in tokenizer.get_vocab().items())
    return [number for piece, number in bare if len(piece) == 1 and script_of(piece) not in {"", *WRITTEN_WHOLE}]


@contextmanager
def prepared(
    context: FitContext[Any, Any], texts: Sequence[str], others: Sequence[str]
) -> Iterator[tuple[Path, FitContext[Any, Any]]]:
    """Yields the folder of the backbone to fit, and the context whose options name the chosen backbone and what to freeze.

    Shows which backbone was chosen and how its vocabulary was pruned. A pruned copy is deleted on exit.

    texts: of the training rows. others: of the validation rows, on which the effect of pruning is measured.
    """
    choice = choose(context.options.backbone, texts)
    for section in choice.sections():
        context.show(section)
    folder = backbones.fetch(choice.backbone.chosen)
    card = read_card(folder)
    options = replace(context.options, backbone=choice.backbone)
    if isinstance(options, FineTuning) and options.freeze is None:
        options = replace(options, freeze=card.freezes)
    context = replace(context, options=options)
    if not card.prunes or context.begin is not None:
        yield folder, context
        return
    place = context.folder / "backbone"
    shutil.rmtree(place, ignore_errors=True)
    try:
        context.show(prune(folder, texts, others, place).section())
        yield place, context
    finally:
        shutil.rmtree(place, ignore_errors=True)
