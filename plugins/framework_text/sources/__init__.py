"""Where pretrained weights come from: a folder, a distribution, the Hugging Face hub, files of other formats. No torch."""

from __future__ import annotations

import re
from pathlib import Path

from framework import BackboneSource, InputError, backbone_source

SCHEME = re.compile(r"([A-Za-z][\w+.-]*)://")


def source_of(name: str) -> BackboneSource:
    """The backbone source that reads an address. Raises InputError for a scheme without a registered source.

    An address without ``SCHEME://`` is a .gguf file, a folder, or an id of the Hugging Face hub, ``owner/name``.
    """
    scheme = scheme_of(name)
    try:
        return backbone_source(scheme)
    except InputError as error:
        raise InputError(f"model.name={name}: {error}") from error


def scheme_of(name: str) -> str:
    """The scheme of an address, inferred where it has no ``SCHEME://``."""
    if match := SCHEME.match(name):
        return match[1]
    if name.endswith(".gguf"):
        return "gguf"
    path = Path(name).expanduser()
    is_path = path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1
    return "file" if is_path else "hf"
