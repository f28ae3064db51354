"""Where pretrained weights come from: a folder, a distribution, the Hugging Face hub, files of other formats. No torch."""

from __future__ import annotations

import re
from pathlib import Path

from framework import BackboneSource, InputError, backbone_source

SCHEME = re.compile(r"([A-Za-z][\w+.-]*)://")


def source_of(name: str) -> BackboneSource:
    """What reads an address. Raises InputError for a scheme that nobody registered, and for a folder that is not there.

    Without ``SCHEME://`` it is a .gguf file, a folder, or an id of the Hugging Face hub, ``owner/name``.
    """
    scheme = scheme_of(name)
    try:
        return backbone_source(scheme)
    except InputError as error:
        raise InputError(f"model.name={name}: {error}") from error


def scheme_of(name: str) -> str:
    if match := SCHEME.match(name):
        return match[1]
    if name.endswith(".gguf"):
        return "gguf"
    path = Path(name).expanduser()
    beyond_the_hub = path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1
    return "file" if beyond_the_hub else "hf"
