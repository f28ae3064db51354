"""Options of the recipe's `model:` section for recommenders. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from framework_text.options import BackboneSource

CLOSED = ("popularity", "item_knn", "ease")  # nothing is trained
TRAINED = ("hybrid", "bpr", "mult_vae", "sasrec")  # the cheap ones first


@dataclass
class Recommender:
    """The `model:` section of a recipe that recommends. None: what suits the algorithm, or is found on validation."""

    algorithm: str = "auto"  # popularity, item_knn, ease, bpr, mult_vae, sasrec, hybrid; auto: the best of `candidates`
    candidates: list[str] = field(default_factory=lambda: [*CLOSED, "hybrid", "sasrec"])  # what auto tries
    minutes: Optional[float] = 3.0  # training time for all that auto trains together; None: until none of them improves
    encoder: BackboneSource = field(default_factory=BackboneSource)  # reads texts of items, so that some can come later
    max_history: Optional[int] = None  # the newest items of a user that are read; the others are still never recommended
    # item_knn
    neighbours: int = 100  # similar items kept for each item
    shrinkage: float = 20.0  # how much similarities of rarely taken items shrink
    # ease
    regularization: Optional[float] = None  # lambda; None: what ranks validation best
    # bpr, mult_vae, sasrec, hybrid
    dimensions: Optional[int] = None  # of the vectors of users and items
    layers: int = 2  # of sasrec's transformer
    heads: int = 2  # of its attention
    dropout: Optional[float] = None
    negatives: int = 256  # items drawn for a batch that its users did not take; sasrec draws them above 20,000 items
    learning_rate: Optional[float] = None
    batch_size: Optional[int] = None  # users of a step, over all devices together
    epochs: Optional[int] = None  # None: until validation does not improve any more
    patience: int = 10  # epochs without a better validation metric before training stops

    @property
    def text_encoder(self) -> BackboneSource:
        return BackboneSource(**self.encoder) if isinstance(self.encoder, dict) else self.encoder


def problems(options: Recommender) -> list[str]:
    """What is wrong with them, in words."""
    known = (*CLOSED, *TRAINED)
    found = [
        f"model.{where}={name}: write one of {', '.join(others)}"
        for where, name, others in [
            ("algorithm", options.algorithm, ("auto", *known)),
            *(("candidates", name, known) for name in options.candidates),
        ]
        if name not in others
    ]
    if not options.candidates:
        found.append(f"model.candidates is empty: write some of {', '.join(known)}")
    for name in ("neighbours", "negatives", "layers", "heads", "patience"):
        if getattr(options, name) < 1:
            found.append(f"model.{name}={getattr(options, name)}: write 1 or more")
    return found
