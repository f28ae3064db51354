"""Checks the options of the exporters when a recipe is composed."""

from __future__ import annotations

import re

from framework_onnx import CANDIDATES, OnnxInt8

CANDIDATE = re.compile(r"(static|dynamic) (tensor|channel) (int8|uint8)( without [1-9][0-9]?%)?")


def problems(options: OnnxInt8) -> list[str]:
    wrong = [name for name in options.candidates if not CANDIDATE.fullmatch(name)]
    found = [
        f"export.onnx_int8.candidates: {name!r} is none; write static or dynamic, tensor or channel, int8 or uint8, and "
        f"perhaps 'without 25%', such as {CANDIDATES[1]!r} or {CANDIDATES[-1]!r}"
        for name in wrong
    ]
    if not options.candidates:
        found.append(f"export.onnx_int8.candidates is empty; name at least one, such as {CANDIDATES[1]!r}")
    return found
