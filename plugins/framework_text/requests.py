"""Parses requests that consist of one text. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from framework import InputError, nearest

KEYS = 50  # keys of a wrong request, at most, that are searched for the nearest name


def text_of(request: Any) -> str:
    """The text of a request, which is a string or ``{"text": ...}``. Raises InputError for anything else."""
    text = request.get("text") if isinstance(request, Mapping) else request
    if not isinstance(text, str):
        has = f"; {nearest('text', map(str, list(request)[:KEYS]), 'it has')}" if isinstance(request, Mapping) else ""
        raise InputError(f"a request is a text or {{'text': a text}}, not {type(request).__name__}{has}")
    if not_unicode(text):
        raise InputError("the text is not valid Unicode: it holds half of a surrogate pair")
    return text


def not_unicode(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which JSON can encode but tokenizers cannot read."""
    return re.search("[\ud800-\udfff]", text) is not None
