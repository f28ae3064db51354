"""Calls of several requests as one: joined along batch, padded, and cut apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from framework.contracts.graph import Graph, Tensor, Tensors


def join(tensor: Tensor, calls: Sequence[Tensors], places: Sequence[Sequence[int]]) -> np.ndarray:
    """One input of many calls, each in its places along batch, padded to the largest size of every other axis."""
    parts = [feeds[tensor.name] for feeds in calls]
    shape = (sum(map(len, parts)), *(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)))
    joined = np.full(shape, tensor.pad, dtype=parts[0].dtype)
    for part, rows in zip(parts, places, strict=True):
        joined[(_index(rows), *(slice(0, size) for size in part.shape[1:]))] = part
    return joined


def split(graph: Graph, outputs: Tensors, calls: Sequence[Tensors], places: Sequence[Sequence[int]]) -> list[Tensors]:
    """The rows of each call, every named axis cut back to the call's own size."""
    sizes = [_sizes(graph.inputs, feeds) for feeds in calls]
    return [
        {t.name: outputs[t.name][(_index(rows), *(_cut(axis, own) for axis in t.axes[1:]))] for t in graph.outputs}
        for own, rows in zip(sizes, places, strict=True)
    ]


def _sizes(tensors: Sequence[Tensor], feeds: Tensors) -> dict[str, int]:
    """Size of each named axis in one call."""
    return {
        axis: size
        for tensor in tensors
        if tensor.name in feeds
        for axis, size in zip(tensor.axes, feeds[tensor.name].shape, strict=True)
        if isinstance(axis, str)
    }


def _index(rows: Sequence[int]) -> slice | list[int]:
    """A slice, which copies nothing, where the rows follow one another."""
    first = rows[0]
    return slice(first, first + len(rows)) if list(rows) == list(range(first, first + len(rows))) else list(rows)


def _cut(axis: str | int, own: Mapping[str, int]) -> slice:
    return slice(0, own[axis]) if isinstance(axis, str) and axis in own else slice(None)
