"""Graphs over tensors, the requests and responses around them, and the backend that runs them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from framework.contracts.plain import UNSEALED

Json = Any  # a value of parsed JSON from outside; the code that reads it checks its type
Request = Mapping[str, Json]
Response = dict[str, Json]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph."""

    name: str
    dtype: str
    """The numpy name, such as ``int64``."""
    axes: tuple[str | int, ...]
    """For each axis its name if its size is dynamic, otherwise its size."""
    pad: float = 0
    """The value that pads shorter rows of a batch."""


@dataclass(frozen=True)
class State:
    """A tensor that one call of a request keeps for the next, such as a key-value cache.

    The runtime stores the state and feeds `input` and `mask`; a codec feeds neither.
    """

    input: str
    """The graph input that takes the state, (batch, length, ...)."""
    mask: str
    """The graph input (batch, length): 1 where `input` holds a value, 0 where `input` is padded with zeros."""
    output: str | None = None
    """The graph output that the runtime appends to the state after each call; None: the state stays what the first call fed."""


@dataclass(frozen=True)
class Graph:
    """A function over tensors that exporters write to a file. The first axis of every input and output is ``batch``."""

    name: str
    inputs: tuple[Tensor, ...]
    """Named and ordered as the arguments of the module."""
    outputs: tuple[Tensor, ...]
    axes: Mapping[str, tuple[int, int]]
    """The smallest and largest size of each dynamic axis except ``batch``."""
    tolerance: Mapping[str, float]
    """By output, the largest absolute difference from the module that an exact file may show."""
    unscaled: tuple[str, ...] = ()
    """Outputs without a fixed scale, such as hidden states: where their largest absolute value is above 1, the tolerance is
    relative to that value."""
    decides: str | None = None
    """The output whose argmax over the last axis is the answer; None: there is no such output."""
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict, metadata=UNSEALED)
    """Where an answer is any number of choices: by output, from which value on each place of its last axis is chosen."""
    ranks: tuple[str, str] | None = None
    """Where the answer is a ranking: the output with the ids, the best first, and the output with their scores, each
    (batch, k)."""
    state: tuple[State, ...] = ()
    """The states of the graph; empty: it has none. A request calls a graph with state many times, so the outputs of all these
    calls are too large to keep in memory."""
    tables: tuple[Tensor, ...] = ()
    """Further arguments of the module, after the inputs: the same arrays for every request, without the axis ``batch``, such as
    item embeddings. The artifact holds them as resources/tables/NAME.npy; with a codec that is `Growing` they gain rows."""
    source: object = field(default=None, metadata=UNSEALED)
    """What computes the graph: a `torch.nn.Module` in eval mode, or the `Path` of an ONNX file; None for a graph that was read
    back from an artifact."""
    example: Callable[[Mapping[str, int]], Tensors] | None = field(default=None, metadata=UNSEALED)
    """Makes valid arguments for given axis sizes, ``example({"batch": 2, "sequence": 5})``."""

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """All arguments of the module, in order: inputs, then tables."""
        return (*self.inputs, *self.tables)

    @property
    def growing(self) -> list[tuple[str, str]]:
        """For each state with an output, the names of the length axes of the state and of the output appended to it."""
        axes = {tensor.name: tensor.axes[1] for tensor in (*self.inputs, *self.outputs) if len(tensor.axes) > 1}
        return [(str(axes[state.input]), str(axes[state.output])) for state in self.state if state.output is not None]

    def traced_with(self) -> Tensors:
        """Example arguments for tracing exporters: batch 3, other dynamic axes at most 9, because tracers take 0 and 1 for
        constants.
        """
        assert self.example is not None, f"graph {self.name} has no example"
        return self.example({"batch": 3, **{axis: min(9, largest) for axis, (_, largest) in self.axes.items()}})


def stateful(graphs: Sequence[Graph]) -> bool:
    """Whether any of the graphs has state."""
    return any(graph.state for graph in graphs)


class Backend(Protocol):
    """Runs graphs on numpy arrays."""

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        """The outputs by name. graph: its name. feeds: inputs and tables by name."""
        ...
