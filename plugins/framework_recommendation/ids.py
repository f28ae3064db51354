"""Ids that differ only in the spaces around them. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framework import codes, message


def merge_stripped(numbered: np.ndarray, ids: Sequence[str]) -> tuple[np.ndarray, Sequence[str]]:
    """Strips the spaces around ids, and numbers ids that are then equal as one.

    numbered: (rows,) positions in `ids`. Returns (rows,) positions in the stripped ids, and the stripped ids.
    """
    new_numbers, stripped = codes([name.strip() for name in ids])
    return new_numbers[numbered], stripped


def note_on_spaces(ids: Sequence[str], role: str) -> str:
    """A sentence on ids that differ only in the spaces around them; empty where there are none."""
    first: dict[str, str] = {}
    twins = [(first[bare], name) for name in ids if first.setdefault(bare := name.strip(), name) != name and bare]
    if not twins:
        return ""
    first_id, second_id = twins[0]
    return message(
        "{twins:,} of {all:,} {role} ids differ from another only in the spaces around them ({one!r} and {other!r}, for "
        "example) and count as different; task.strip_ids=true makes them one",
        twins=len(twins),
        all=len(ids),
        role=role,
        one=first_id,
        other=second_id,
    )
