"""Options of the candidates. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from framework_text.options import BackboneAddress

ENCODER: Any = "${encoder}"  # the default of a field that is the `encoder:` section


@dataclass
class ReadsTexts:
    """Options of candidates whose items can be added by their texts."""

    encoder: BackboneAddress = ENCODER
    """The address of the sentence encoder for texts of items, with which items can be added after training."""


@dataclass
class PopularityOptions(ReadsTexts):
    """Options of ``candidates.popularity``."""


@dataclass
class ItemKnnOptions:
    """Options of ``candidates.item_knn``."""

    neighbours: int = 100
    """Similar items that are kept for each item, at most."""
    shrinkage: float = 20.0
    """Lowers the similarities of items with few interactions: it is added to the denominator of the cosine."""
    max_history: int = 1000
    """Newest items of a history that are read; older items are still not recommended."""


@dataclass
class EaseOptions(ReadsTexts):
    """Options of ``candidates.ease``."""

    regularization: Optional[float] = None
    """Lambda; None: the value that ranks the validation users best."""
    max_history: int = 1000
    """Newest items of a history that are read; older items are still not recommended."""
    all_rows: bool = True
    """Whether the model that ships learns from what the validation users took, too, once the regularization is chosen."""


@dataclass
class NetworkOptions(ReadsTexts):
    """Options of candidates that are trained step by step."""

    minutes: Optional[float] = 1.5
    """Minutes of training at most; None: until validation does not improve any more."""
    epochs: Optional[int] = None
    """Epochs at most; None: until validation does not improve any more."""
    patience: int = 10
    """Epochs without a better validation metric before training stops."""
    dimensions: int = 64
    """Dimensions of the vectors of users and items."""
    dropout: float = 0.2
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    batch_size: int = 64
    """Users of a step, over all devices together."""
    max_history: int = 1000
    """Newest items of a history that are read; older items are still not recommended."""


@dataclass
class BprOptions(NetworkOptions):
    """Options of ``candidates.bpr``."""

    weight_decay: float = 0.01
    negatives: int = 256
    """Items drawn as negatives for each batch."""


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
    layers: int = 2
    """Layers of the transformer."""
    heads: int = 2
    """Attention heads."""
    negatives: int = 256
    """Sampled negatives in catalogues of more than 20,000 items; smaller catalogues use all items."""


@dataclass
class HybridOptions(NetworkOptions):
    """Options of ``candidates.hybrid``."""

    weight_decay: float = 0.2
    negatives: int = 256
    """Sampled negatives in catalogues of more than 20,000 items; smaller catalogues use all items."""
