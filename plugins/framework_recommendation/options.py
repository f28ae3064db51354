"""Options of the candidates, each with what it reads and nothing else. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from framework_text.options import BackboneAddress

ENCODER: Any = "${encoder}"  # the default of a field that is the `encoder:` section


@dataclass
class ReadsTexts:
    """What all share whose items can be added by their texts."""

    encoder: BackboneAddress = ENCODER  # reads texts of items, so that some can come later


@dataclass
class PopularityOptions(ReadsTexts):
    """Options of ``candidates.popularity``."""


@dataclass
class ItemKnnOptions:
    """Options of ``candidates.item_knn``."""

    neighbours: int = 100  # similar items kept for each item
    shrinkage: float = 20.0  # how much similarities of rarely taken items shrink
    max_history: int = 1000  # the newest items of a user that are read; the others are still never recommended


@dataclass
class EaseOptions(ReadsTexts):
    """Options of ``candidates.ease``."""

    regularization: Optional[float] = None  # lambda; None: what ranks validation best
    max_history: int = 1000  # the newest items of a user that are read; the others are still never recommended


@dataclass
class NetworkOptions(ReadsTexts):
    """What all share that are trained."""

    minutes: Optional[float] = 1.5  # of training at most; None: until it does not improve any more
    epochs: Optional[int] = None  # None: until validation does not improve any more
    patience: int = 10  # epochs without a better validation metric before training stops
    dimensions: int = 64  # of the vectors of users and items
    dropout: float = 0.2
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    batch_size: int = 64  # users of a step, over all devices together
    max_history: int = 1000  # the newest items of a user that are read; the others are still never recommended


@dataclass
class BprOptions(NetworkOptions):
    """Options of ``candidates.bpr``."""

    weight_decay: float = 0.01
    negatives: int = 256  # items drawn for a batch that its users did not take


@dataclass
class MultVaeOptions(NetworkOptions):
    """Options of ``candidates.mult_vae``."""

    dimensions: int = 200
    dropout: float = 0.5
    learning_rate: float = 5e-4


@dataclass
class SasrecOptions(NetworkOptions):
    """Options of ``candidates.sasrec``."""

    dropout: float = 0.3
    learning_rate: float = 2e-3
    max_history: int = 50
    layers: int = 2  # of the transformer
    heads: int = 2  # of its attention
    negatives: int = 256  # items that the next one is told from, above 20,000 items; below them all others


@dataclass
class HybridOptions(NetworkOptions):
    """Options of ``candidates.hybrid``."""

    weight_decay: float = 0.2
    negatives: int = 256  # items that those taken are told from, above 20,000 items; below them all others
