"""Checks the options of the lossy exporters when a recipe is composed."""

from __future__ import annotations

import re

from framework_onnx import BITS, CANDIDATES, OnnxInt4, OnnxInt8

CANDIDATE = re.compile(r"(static|dynamic) (tensor|channel) (int8|uint8)( without [1-9][0-9]?%)?")
IN_BLOCKS = re.compile(r"(int4|int8) block (16|32|64|128|256)( head (int4|int8|fp32))?")


def problems(options: OnnxInt8) -> list[str]:
    messages = [
        f"export.onnx_int8.candidates: {name!r} is none; write static or dynamic, tensor or channel, int8 or uint8, and "
        f"perhaps 'without 25%', such as {CANDIDATES[1]!r} or {CANDIDATES[-1]!r}"
        for name in options.candidates
        if not CANDIDATE.fullmatch(name)
    ]
    if not options.candidates:
        messages.append(f"export.onnx_int8.candidates is empty; name at least one, such as {CANDIDATES[1]!r}")
    return messages


def bits_problems(options: OnnxInt4) -> list[str]:
    messages = [
        f"export.onnx_int4.candidates: {name!r} is none; write int4 or int8, block and 16, 32, 64, 128 or 256, and perhaps "
        f"'head int8', such as {BITS[1]!r} or {BITS[2]!r}"
        for name in options.candidates
        if not IN_BLOCKS.fullmatch(name)
    ]
    if not options.candidates:
        messages.append(f"export.onnx_int4.candidates is empty; name at least one, such as {BITS[1]!r}")
    return messages
