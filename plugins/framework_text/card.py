"""What a backbone asks of everybody who uses it, in a file beside its weights. No torch.

Its prefix stands in its tokenizer.json, its pooling where sentence-transformers keeps that.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FILE = "backbone.json"


@dataclass(frozen=True)
class Card:
    """A folder without one asks for nothing."""

    prunes: bool = False
    """Its vocabulary holds many languages: a fit keeps what its texts need."""
    freezes: str | None = None
    """What does not learn where the recipe leaves `freeze` open: ``embeddings``."""

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def read_card(folder: Path) -> Card:
    path = folder / FILE
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Card(**{one.name: content[one.name] for one in fields(Card) if one.name in content})
