"""Pads the feeds of several calls and joins them along batch, and splits the outputs of the run by call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from framework.contracts.graph import Graph, Tensor, Tensors


def join(tensor: Tensor, calls: Sequence[Tensors], places: Sequence[Sequence[int]]) -> np.ndarray:
    """One input of many calls in one array, padded to the largest size of every axis but batch.

    calls: the feeds of each call. places: for each call the indices of its rows along batch of the joined array.
    """
    parts = [feeds[tensor.name] for feeds in calls]
    shape = (sum(map(len, parts)), *(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)))
    joined = np.full(shape, tensor.pad, dtype=parts[0].dtype)
    for part, rows in zip(parts, places, strict=True):
        joined[(_index(rows), *(slice(0, size) for size in part.shape[1:]))] = part
    return joined


def split(graph: Graph, outputs: Tensors, calls: Sequence[Tensors], places: Sequence[Sequence[int]]) -> list[Tensors]:
    """The outputs of each call, every named axis cut to its size in the feeds of the call. calls, places: as for `join`."""
    sizes = [_sizes(graph.inputs, feeds) for feeds in calls]
    return [
        {t.name: outputs[t.name][(_index(rows), *(_cut(axis, call_sizes) for axis in t.axes[1:]))] for t in graph.outputs}
        for call_sizes, rows in zip(sizes, places, strict=True)
    ]


def _sizes(tensors: Sequence[Tensor], feeds: Tensors) -> dict[str, int]:
    """The size of each named axis in the feeds of one call. tensors: the inputs of the graph."""
    return {
        axis: size
        for tensor in tensors
        if tensor.name in feeds
        for axis, size in zip(tensor.axes, feeds[tensor.name].shape, strict=True)
        if isinstance(axis, str)
    }


def _index(rows: Sequence[int]) -> slice | list[int]:
    """An index of numpy that selects the rows: a slice, which copies nothing, where they are consecutive."""
    first = rows[0]
    return slice(first, first + len(rows)) if list(rows) == list(range(first, first + len(rows))) else list(rows)


def _cut(axis: str | int, sizes: Mapping[str, int]) -> slice:
    return slice(0, sizes[axis]) if isinstance(axis, str) and axis in sizes else slice(None)
