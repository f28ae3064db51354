"""Makes the backbone of a fit ready: chosen, ranked where several compete, and its vocabulary pruned to what the texts need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework import Budget, FitContext
from framework_text import backbones
from framework_text.card import read_card
from framework_text.choosing import Choice, choose, competing
from framework_text.features import FrozenEncoder
from framework_text.options import FineTuning, FrozenFeatures
from framework_text.pruning import prune
from framework_text.ranking import rank, ranking_section

SLOWER = 2  # times as long: what another backbone may take to be opened, and to read the same texts


def _ranked(choice: Choice, texts: Sequence[str], targets: Sequence[int], labels: int, context: FitContext[Any, Any]) -> Choice:
    """The best of the backbones that compete; shows the scores of all. Parameters as of `prepared`."""
    compares = _has_time_to_compare(choice, texts, labels, context)
    every = competing(choice.backbone, compares=compares)
    if len(every) < 2:
        return choice
    ranked = rank(every, texts, targets, context.task.max_length, context.budget)
    context.show(ranking_section(ranked))
    return Choice(replace(choice.backbone, name=None, source=ranked[0].address))


def _has_time_to_compare(choice: Choice, texts: Sequence[str], labels: int, context: FitContext[Any, Any]) -> bool:
    """Whether the fit may take `otherwise` in place of the recipe's backbone: where the time lasts for reading the texts with a
    slower one. In less time more texts, read by the faster one, are worth more.
    """
    options = context.options
    if not isinstance(options, FrozenFeatures) or not options.compare_backbones or choice.backbone.name:
        return False
    encoder = FrozenEncoder(backbones.fetch(choice.backbone.chosen), context.task.max_length)
    budget = without_answers(context.budget, encoder, texts, SLOWER)
    after = options.seconds_after_reading(budget, labels) / SLOWER  # each text counts as `SLOWER` texts here
    return encoder.texts_within(options.seconds_for_reading(budget), list(texts), after) >= SLOWER * len(texts)


def without_answers(budget: Budget, encoder: FrozenEncoder, texts: Sequence[str], slower: float = 1.0) -> Budget:
    """The budget of a fit, less the time of `Budget.answers` with a classifier over the encoder.

    texts: of the training rows. slower: for an encoder that takes this many times as long as the given one.
    """
    answering = slower * encoder.seconds_to_answer(budget.answers, texts)
    return replace(budget.without(max(0.0, answering - budget.beyond)), answers=0, beyond=0.0)


@contextmanager
def prepared(
    context: FitContext[Any, Any],
    texts: Sequence[str],
    others: Sequence[str],
    targets: Sequence[int] = (),
    labels: int = 0,
) -> Iterator[tuple[Path, FitContext[Any, Any]]]:
    """Yields the folder of the backbone to fit, and the context whose options name the chosen backbone and what to freeze.

    Shows which backbone was chosen and how its vocabulary was pruned. A pruned copy is deleted on exit.

    texts: of the training rows. others: of the validation rows, on which the effect of pruning is measured. targets: the class
    number of each text, by which backbones that compete are ranked; empty: none compete. labels: how many there are; for texts
    with several, `targets` numbers their sets.
    """
    choice = choose(context.options.backbone, texts)
    if len(targets) and not choice.reason:
        choice = _ranked(choice, texts, targets, labels, context)
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
