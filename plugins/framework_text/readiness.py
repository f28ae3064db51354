"""Finds what would stop a fit before its first step, from the recipe and the backbone's config. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from framework import InputError, available_memory
from framework_text import backbones
from framework_text.choosing import choose, competing
from framework_text.generation.options import LEAST_STEPS, Writing
from framework_text.options import Backbone, BackboneAddress, FineTuning
from framework_text.sources import gguf
from framework_text.training_plan import trainer_ends_training

ENDLESS = "the learning rate falls over the whole training: give trainer.max_epochs or trainer.max_steps"
WEIGHT, LEARNED = 4, 12  # bytes in fp32: of a weight; of its gradient and the two moments of AdamW
LAYERS = ("num_hidden_layers", "n_layers")  # names in config.json


def problems(
    model: FineTuning | Writing, trainer: Mapping[str, object], max_length: int, setting: str, texts: Sequence[str] = ()
) -> list[str]:
    """Problems for `Candidate.refuses`.

    trainer: see `FitContext.trainer`. setting: the key of the recipe, with its ``=``, that sets `max_length`, in tokens. texts:
    of the training rows, by which the backbone is chosen; empty: the recipe's first backbone.
    """
    learned = model.adapter == "none" if isinstance(model, Writing) else model.freeze is None and model.layers is None
    return [
        *_endless(model, trainer),
        *_two_ends(model, trainer),
        *backbone_problems(model.backbone, texts, max_length, setting, learned=learned),
    ]


def backbone_problems(
    backbone: Backbone, texts: Sequence[str], max_length: int, setting: str, *, learned: bool = False
) -> list[str]:
    """Why the backbone chosen for the texts cannot be fetched, cannot read `max_length` tokens, or does not fit into memory.

    setting: see `problems`. learned: whether all of its layers are trained.
    """
    try:
        choice = choose(backbone, texts)
    except InputError as error:
        return list(error.problems)
    addresses = competing(choice.backbone) if not choice.reason else [choice.backbone.chosen]
    return [problem for address in addresses for problem in _problems_of(address, max_length, setting, learned=learned)]


def _problems_of(source: BackboneAddress, max_length: int, setting: str, *, learned: bool) -> list[str]:
    unreadable = tokenizer_problems(source, max_length, setting)
    if unreadable or gguf.is_gguf(str(source.name)):
        return unreadable
    return memory_problems(backbones.fetch(source), learned=learned)


def memory_problems(folder: Path, *, learned: bool) -> list[str]:
    """Why a backbone does not fit into memory, from the least that it needs: its weights in fp32, and for a training what
    AdamW keeps of each weight beside the embeddings, of which a training may keep few.

    folder: of the backbone. learned: whether all of its layers are trained.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = backbones.count_weights(folder)
    embedded = config.get("vocab_size", 0) * config.get("hidden_size", config.get("dim", 0))
    needed = WEIGHT * weights + (LEARNED * max(0, weights - embedded) if learned else 0)
    available = available_memory()
    if available is None or needed <= available:
        return []
    what = "to be trained" if learned else "to be opened"
    return [
        f"this backbone of {weights / 1e6:,.0f} million weights needs {needed / 1e9:,.1f} GB of memory {what}, and "
        f"{available / 1e9:,.1f} GB are available: model.name= chooses a smaller one"
    ]


def tokenizer_problems(source: BackboneAddress, max_length: int, setting: str) -> list[str]:
    """Why a backbone's tokenizer cannot be used with texts of `max_length` tokens. setting: see `problems`."""
    if gguf.is_gguf(str(source.name)):
        return []  # the conversion makes the tokenizer
    try:
        folder = backbones.fetch(source)
        backbones.plain_tokenizer(folder)
        backbones.check_length(folder, max_length, setting)
    except InputError as error:
        return list(error.problems)
    return []


def _two_ends(model: FineTuning | Writing, trainer: Mapping[str, object]) -> list[str]:
    epochs = getattr(model, "epochs", None) if isinstance(model, FineTuning) else None
    if epochs is None or not trainer_ends_training(trainer):
        return []
    return [f"model.epochs={epochs} and trainer: both say when training ends; leave one out"]


def _endless(model: FineTuning | Writing, trainer: Mapping[str, object]) -> list[str]:
    """Problems of the number of steps: without an end, or too few for AdaLoRA."""
    steps: Any = trainer.get("max_steps")
    limited = steps not in (None, -1) or bool(trainer.get("fast_dev_run"))
    epochs, minutes = trainer.get("max_epochs"), trainer.get("max_time")
    endless = not limited and (epochs == -1 or (epochs is None and minutes is not None))
    few = isinstance(model, Writing) and model.adapter == "adalora" and limited and int(steps or 0) > 0
    return [ENDLESS] * endless + ([too_few(int(steps or 0))] if few and int(steps or 0) < LEAST_STEPS else [])


def too_few(steps: int) -> str:
    """The problem of a training with fewer steps than AdaLoRA needs."""
    return f"model.adapter=adalora needs at least {LEAST_STEPS} steps, this training has {steps}; write lora"


def chosen_layers(layers: int | Sequence[int] | None, count: int) -> list[int]:
    """The numbers, from 0, of the layers to keep.

    layers: how many, spread evenly with the last among them, as DistilBERT is initialised (Sanh et al. 2019); or which; None:
    all. count: layers of the backbone. Raises InputError where the backbone does not have these layers.
    """
    if layers is None:
        return list(range(count))
    chosen = _spread(layers, count) if isinstance(layers, int) else list(layers)
    if not chosen or sorted(set(chosen)) != chosen or not 0 <= chosen[0] <= chosen[-1] < count:
        choices = f"this backbone has {count} layers; write 1 to {count}, or a rising list of 0 to {count - 1}"
        raise InputError(f"model.layers={layers}: {choices}")
    return chosen


def _spread(number: int, count: int) -> list[int]:
    return [round((i + 1) * count / number) - 1 for i in range(number)] if 1 <= number <= count else []


def frozen_layers(what: int | str, count: int, *, shared: bool) -> int:
    """The number of frozen layers, beside the embeddings.

    what: "embeddings", or a number of layers. count: layers of the network. shared: whether all layers share their weights, so
    that only embeddings can be frozen. Raises InputError where the network cannot freeze that many layers.
    """
    if what == "embeddings":
        return 0
    if shared or not 0 < int(what) <= count:
        advice = "write embeddings" if shared else f"write embeddings, or how many of the {count} layers, from the first on"
        raise InputError(f"model.freeze={what}: {advice}")
    return int(what)


def layer_problems(model: FineTuning, config: Mapping[str, Any]) -> list[str]:
    """Problems of `model.layers` and `model.freeze` with the number of layers in a config.json."""
    count = next((config[name] for name in LAYERS if isinstance(config.get(name), int)), None)
    if count is None:
        return []
    try:
        layers = chosen_layers(model.layers, count)
        if model.freeze not in (None, "nothing"):
            frozen_layers(model.freeze, len(layers), shared=config.get("model_type") == "albert")
    except InputError as error:
        return list(error.problems)
    return []
