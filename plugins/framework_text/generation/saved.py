"""Saves and loads a writer's network and tokenizer, and the address of a backbone that was not fine-tuned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from framework_text import backbones
from framework_text.options import BackboneAddress
from framework_text.sources import gguf

ADDRESS = "backbone.json"
WEIGHTS = "model.safetensors"


def load(folder: Path, longest: int = 1, setting: str = "") -> tuple[Any, Any]:
    """The tokenizer and the language model in a folder that `save_pretrained` wrote.

    longest: tokens that the backbone must be able to read. setting: the key of the recipe, with its ``=``, that sets `longest`.
    Raises InputError where tokenizer or weights cannot be loaded.
    """
    kind = "Seq2Seq" if AutoConfig.from_pretrained(folder).is_encoder_decoder else "Causal"
    return backbones.load_tokenizer(folder, longest, setting), backbones.load_model(f"AutoModelFor{kind}LM", folder)


def save(network: Any, tokenizer: Any, folder: Path) -> None:
    """Writes a folder for `load`, and for use with transformers."""
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_address(source: BackboneAddress, folder: Path) -> None:
    """Writes the address of a backbone, pinned by the checksum of its weights if these are one file."""
    assert source.name
    path = Path(source.name).expanduser()
    name = str(path.resolve()) if path.exists() else source.name
    pinned = replace(source, name=name, sha256=source.sha256 or _checksum(source))
    content = {key: asdict(pinned)[key] for key in ("name", "revision", "sha256", "licence")}
    (folder / ADDRESS).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def read_address(folder: Path) -> BackboneAddress:
    return BackboneAddress(**json.loads((folder / ADDRESS).read_text(encoding="utf-8")))


def _checksum(source: BackboneAddress) -> str | None:
    assert source.name
    if gguf.is_gguf(source.name):
        return gguf.checksum(gguf.find(source.name))
    path = backbones.fetch(source) / WEIGHTS
    if not path.exists():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
