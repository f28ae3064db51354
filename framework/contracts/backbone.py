"""Where pretrained weights come from: an address of a recipe becomes a folder. The core knows no weights, only who has them."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BackboneSource(ABC):
    """What reads addresses of one kind, ``SCHEME://REST``. Its module is imported when a recipe names such an address.

    name: of each method, the whole address, as the recipe writes it. revision: of it, where it has several. sha256: of its
    weights, where the recipe pins them.
    """

    @abstractmethod
    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        """A folder with config.json, tokenizer.json and model.safetensors, as ``save_pretrained`` writes them.

        It is downloaded or converted once, and is there the next time. Raises InputError where the address names nothing or its
        file is not the pinned one, FrameworkError where something is missing on this machine, such as a distribution.
        """

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        """What config.json says, asked whenever a recipe is composed: override it where `fetch` takes long."""
        content: Mapping[str, Any] = json.loads((self.fetch(name, revision, None) / "config.json").read_text(encoding="utf-8"))
        return content

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        """What is wrong with what is on this machine already, such as a checksum, told when a recipe is composed."""
        return []
