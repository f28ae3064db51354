"""How a backbone is best used, in a file beside its weights. No torch.

A text prefix is part of tokenizer.json, and pooling is stated in the file of sentence-transformers, not here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FILE = "backbone.json"


@dataclass(frozen=True)
class Card:
    """Recommendations for fits; a folder without a card has the defaults."""

    prunes: bool = False
    """Whether the vocabulary is multilingual, and a fit prunes it to the tokens that the texts of the fit need."""
    freezes: str | None = None
    """The value of `freeze` where the recipe leaves it open, such as ``embeddings``; None: nothing is frozen."""

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def read_card(folder: Path) -> Card:
    path = folder / FILE
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Card(**{key.name: content[key.name] for key in fields(Card) if key.name in content})
