"""Ids that differ from another only in the spaces around them. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework import codes, message


def merged(numbered: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Ids by number, each once, without the spaces around it."""
    again, stripped = codes([name.strip() for name in ids])
    return again[numbered], stripped


def spaced(ids: Sequence[str], role: str) -> str:
    """A sentence on ids that are others but for spaces; empty where none is."""
    first: dict[str, str] = {}
    twins = [(first[bare], name) for name in ids if first.setdefault(bare := name.strip(), name) != name and bare]
    if not twins:
        return ""
    one, other = twins[0]
    return message(
        "{twins:,} of {all:,} {role} ids differ from another only in the spaces around them ({one!r} and {other!r}, for "
        "example) and count as different; task.strip_ids=true makes them one",
        twins=len(twins),
        all=len(ids),
        role=role,
        one=one,
        other=other,
    )
