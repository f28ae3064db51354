"""The backbone that a fit begins with: the recipe's, or the one that it names for texts in other languages. No torch.

Of a multilingual one it is what the texts need.
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

SAMPLE = 2000  # texts that are looked at, evenly spread
UNKNOWN = 0.05  # share of unknown tokens from which a vocabulary was made for other texts
TORN = 0.4  # share of tokens that are a single letter of an alphabet, from which it was, too
WRITTEN_WHOLE = {"CJK", "HIRAGANA", "KATAKANA"}  # scripts of which one character says something
MARKS = ("[UNK]", "<unk>")  # what tokenizers call an unknown token


@dataclass(frozen=True)
class Choice:
    """The `backbone:` section in force, with one source. reason: why it is not the recipe's first, if so."""

    backbone: Backbone
    reason: str = ""

    def sections(self) -> list[Section]:
        return [Section("Backbone", ("", ""), [("chosen", str(self.backbone.chosen.name))], self.reason)] if self.reason else []


def choose(backbone: Backbone, texts: Sequence[str]) -> Choice:
    """The recipe's first source, or `otherwise` where its vocabulary does not know the language of the texts.

    Raises InputError where that one is needed and is not there.
    """
    if backbone.name or not backbone.source.name or not backbone.otherwise.name:
        return Choice(backbone)
    strangeness = _strangeness(backbones.fetch(backbone.source), texts)
    if not strangeness:
        return Choice(backbone)
    reason = f"{strangeness} {backbone.source.name}, which was made for another language"
    try:
        backbones.fetch(backbone.otherwise)
    except FrameworkError as error:
        first = f"model.name={backbone.source.name} takes the first all the same"
        raise InputError(f"{reason}; {backbone.otherwise.name} knows it: {error}; {first}") from error
    return Choice(replace(backbone, source=backbone.otherwise), f"{reason}: {backbone.otherwise.name} takes its place.")


def _strangeness(folder: Path, texts: Sequence[str]) -> str:
    """Why a backbone's vocabulary was not made for texts, in the first words of a sentence; "" where it may have been."""
    tokenizer = backbones.plain_tokenizer(folder)
    if tokenizer is None or not len(texts):
        return ""
    tokenizer.no_padding()
    chosen = np.unique(np.linspace(0, len(texts) - 1, SAMPLE).astype(int)).tolist()
    encoded = tokenizer.encode_batch([texts[i] for i in chosen], add_special_tokens=False)
    ids = np.fromiter(chain.from_iterable(one.ids for one in encoded), np.int64)
    unknown = unknown_rate(ids, next((i for mark in MARKS if (i := tokenizer.token_to_id(mark)) is not None), None))
    if unknown > UNKNOWN:
        return f"{unknown:.0%} of the tokens of the training texts are unknown to"
    torn = float(np.isin(ids, _single_letters(tokenizer)).mean()) if len(ids) else 0.0
    return f"{torn:.0%} of the tokens of the training texts are single letters to" if torn > TORN else ""


def _single_letters(tokenizer: Tokenizer) -> list[int]:
    """Tokens that are one letter of an alphabet."""
    bare = ((piece.removeprefix("##").lstrip("▁Ġ"), number) for piece, number in tokenizer.get_vocab().items())
    return [number for piece, number in bare if len(piece) == 1 and script_of(piece) not in {"", *WRITTEN_WHOLE}]


@contextmanager
def prepared(
    context: FitContext[Any, Any], texts: Sequence[str], others: Sequence[str]
) -> Iterator[tuple[Path, FitContext[Any, Any]]]:
    """The folder of the backbone to fit, and the context with the options in force; what was chosen and pruned is shown.

    texts: of the training rows. others: of validation rows, of which it is told how they are read.
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
    if not card.prunes:
        yield folder, context
        return
    place = context.folder / "backbone"
    shutil.rmtree(place, ignore_errors=True)
    try:
        context.show(prune(folder, texts, others, place).section())
        yield place, context
    finally:
        shutil.rmtree(place, ignore_errors=True)
