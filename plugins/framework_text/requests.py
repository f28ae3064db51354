"""Requests that are one text. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from framework import InputError, nearest

KEYS = 50  # of a wrong request that are looked at for a hint


def text_of(request: Any) -> str:
    """The text of a request as a person writes it, a string or ``{"text": ...}``. Raises InputError."""
    text = request.get("text") if isinstance(request, Mapping) else request
    if not isinstance(text, str):
        has = f"; {nearest('text', map(str, list(request)[:KEYS]), 'it has')}" if isinstance(request, Mapping) else ""
        raise InputError(f"a request is a text or {{'text': a text}}, not {type(request).__name__}{has}")
    if not_unicode(text):
        raise InputError("the text is not valid Unicode: it holds half of a surrogate pair")
    return text


def not_unicode(text: str) -> bool:
    """Whether it holds half of a surrogate pair, which JSON can write and no tokenizer reads."""
    return re.search("[\ud800-\udfff]", text) is not None
