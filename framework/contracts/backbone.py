"""The contract of a backbone source, which turns the address of pretrained weights into a folder."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BackboneSource(ABC):
    """Resolves addresses ``SCHEME://REST`` of one scheme. Its module is imported when a recipe names such an address.

    Arguments of every method: `name` is the full address, as the recipe writes it; `revision` picks one of several versions;
    `sha256` is the checksum of the weights, if the recipe pins it.
    """

    @abstractmethod
    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        """A folder with config.json, tokenizer.json and model.safetensors, as ``save_pretrained`` writes them.

        Downloads or converts the weights once and caches the folder. Raises InputError for an address that does not exist or
        weights that do not have the pinned checksum, FrameworkError for a distribution that is not installed.
        """

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        """The content of config.json. Composing a recipe calls it: override it where `fetch` is slow."""
        content: Mapping[str, Any] = json.loads((self.fetch(name, revision, None) / "config.json").read_text(encoding="utf-8"))
        return content

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        """Problems that need no download to find, such as a wrong checksum, reported when a recipe is composed."""
        return []
