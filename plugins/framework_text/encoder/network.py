"""Builds an encoder with a head from a backbone, shapes it as the recipe says, saves it and opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from framework_text import backbones
from framework_text.dropout import set_dropout
from framework_text.options import FineTuning
from framework_text.sentence import SentenceClassifier
from framework_text.shaping import freeze, keep_layers

Kind = str | type[SentenceClassifier]
"""transformers' name of a class, such as AutoModelForTokenClassification, or a class with the class methods `over` and `saved`,
as `SentenceClassifier`."""


def new_network(folder: Path, kind: Kind, labels: Sequence[str]) -> PreTrainedModel:
    """The backbone in a folder with a new head, one output a label; the config keeps the labels.

    Raises InputError where weights of the backbone are missing or cannot be loaded.
    """
    head = named_labels(labels)
    network: PreTrainedModel = (
        backbones.load_model(kind, folder, **head) if isinstance(kind, str) else kind.over(folder, **head)
    )
    return _without_warning(network)


def named_labels(labels: Sequence[str]) -> dict[str, Any]:
    """The fields of transformers' config that describe labels."""
    names = dict(enumerate(labels))
    return {"num_labels": len(names), "id2label": names, "label2id": {label: i for i, label in names.items()}}


def shape(network: PreTrainedModel, options: FineTuning, *, begun: bool = False) -> Mapping[str, str | int]:
    """Keeps and freezes layers and sets dropout, in place; returns what changed, as facts of the model.

    begun: whether the network is that of an earlier fit, which has the layers already.

    Raises InputError where the network does not have the layers that `options` name.
    """
    layers, frozen = keep_layers(network, None if begun else options.layers), freeze(network, options.freeze)
    set_dropout(network, options.dropout)
    changed: dict[str, str | int] = {"layers": ", ".join(map(str, layers))} if options.layers is not None and not begun else {}
    return changed | ({"frozen parameters": frozen} if frozen else {})


def save_network(network: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    """Saves network and tokenizer as transformers does, readable by its pipelines."""
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def open_network(folder: Path, kind: Kind, max_length: int) -> tuple[PreTrainedModel, Any]:
    """The network, in eval mode, and the tokenizer that `save_network` wrote. kind: the one that `new_network` was called with.

    max_length: tokens of a text, at most. Raises InputError where the tokenizer or the weights cannot be loaded.
    """
    network = backbones.load_model(kind, folder) if isinstance(kind, str) else kind.saved(folder)
    return _without_warning(network).eval(), backbones.load_tokenizer(folder, max_length)


def _without_warning(network: PreTrainedModel) -> PreTrainedModel:
    """Sets transformers' name of a loss, which is not used: without a name transformers warns while TorchScript is traced."""
    for part in network.modules():
        if hasattr(part, "loss_type"):
            part.loss_type = "ForSequenceClassification"  # type: ignore[assignment]
    return network
