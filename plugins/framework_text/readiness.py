"""What would stop the fit of a text model before its first step, told from the recipe and the backbone's config. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from framework import InputError
from framework_text import backbones
from framework_text.choosing import choose
from framework_text.generation.options import LEAST_STEPS, Writing
from framework_text.options import Backbone, BackboneAddress, FineTuning
from framework_text.sources import gguf

ENDLESS = "the learning rate falls over the whole training: give trainer.max_epochs or trainer.max_steps"
LAYERS = ("num_hidden_layers", "n_layers")  # names in config.json


def problems(
    model: FineTuning | Writing, trainer: Mapping[str, object], max_length: int, said: str, texts: Sequence[str] = ()
) -> list[str]:
    """For `Candidate.refuses`. said: the key of the recipe, with its ``=``, that sets the tokens read, `max_length`.

    texts: of the training rows, by which a backbone is chosen; none: it is the recipe's first.
    """
    return [*_endless(model, trainer), *backbone_problems(model.backbone, texts, max_length, said)]


def backbone_problems(backbone: Backbone, texts: Sequence[str], max_length: int, said: str) -> list[str]:
    """Why the backbone that is chosen for texts cannot be had, or cannot read so many tokens of them."""
    try:
        return tokenizer_problems(choose(backbone, texts).backbone.chosen, max_length, said)
    except InputError as error:
        return list(error.problems)


def tokenizer_problems(source: BackboneAddress, max_length: int, said: str) -> list[str]:
    """Why texts of so many tokens cannot be read with the backbone's tokenizer."""
    if gguf.is_gguf(str(source.name)):
        return []  # it is made when the file is converted
    try:
        folder = backbones.fetch(source)
        backbones.plain_tokenizer(folder)
        backbones.check_length(folder, max_length, said)
    except InputError as error:
        return list(error.problems)
    return []


def _endless(model: FineTuning | Writing, trainer: Mapping[str, object]) -> list[str]:
    """What is wrong with the number of steps."""
    steps: Any = trainer.get("max_steps")
    limited = steps not in (None, -1) or bool(trainer.get("fast_dev_run"))
    epochs, minutes = trainer.get("max_epochs"), trainer.get("max_time")
    endless = not limited and (epochs == -1 or (epochs is None and minutes is not None))
    few = isinstance(model, Writing) and model.adapter == "adalora" and limited and int(steps or 0) > 0
    return [ENDLESS] * endless + ([too_few(int(steps or 0))] if few and int(steps or 0) < LEAST_STEPS else [])


def too_few(steps: int) -> str:
    return f"model.adapter=adalora needs at least {LEAST_STEPS} steps, this training has {steps}; write lora"


def chosen_layers(layers: int | Sequence[int] | None, count: int) -> list[int]:
    """The numbers, from 0 on, of the layers to keep: so many, evenly spread, or those. Raises InputError where there are fewer.

    The last is among them, as DistilBERT begins (Sanh et al. 2019).
    """
    if layers is None:
        return list(range(count))
    chosen = _spread(layers, count) if isinstance(layers, int) else list(layers)
    if not chosen or sorted(set(chosen)) != chosen or not 0 <= chosen[0] <= chosen[-1] < count:
        known = f"this backbone has {count} layers; write 1 to {count}, or a rising list of 0 to {count - 1}"
        raise InputError(f"model.layers={layers}: {known}")
    return chosen


def _spread(number: int, count: int) -> list[int]:
    return [round((i + 1) * count / number) - 1 for i in range(number)] if 1 <= number <= count else []


def frozen_layers(what: int | str, count: int, *, shared: bool) -> int:
    """How many layers do not learn, beside the embeddings. shared: all layers have the same weights, and none can."""
    if what == "embeddings":
        return 0
    if shared or not 0 < int(what) <= count:
        only = "write embeddings" if shared else f"write embeddings, or how many of the {count} layers, from the first on"
        raise InputError(f"model.freeze={what}: {only}")
    return int(what)


def misfitting(model: FineTuning, config: Mapping[str, Any]) -> list[str]:
    """What `model.layers` and `model.freeze` ask of a backbone that its config.json says it has not."""
    count = next((config[name] for name in LAYERS if isinstance(config.get(name), int)), None)
    if count is None:
        return []
    try:
        kept = chosen_layers(model.layers, count)
        if model.freeze not in (None, "nothing"):
            frozen_layers(model.freeze, len(kept), shared=config.get("model_type") == "albert")
    except InputError as error:
        return list(error.problems)
    return []
