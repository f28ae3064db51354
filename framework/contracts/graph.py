"""What runs: graphs over tensors, the codec around them, the backend under them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from framework.contracts.plain import UNSEALED

Json = Any  # what JSON holds; it comes from outside, and who reads it checks it
Request = Mapping[str, Json]
Response = dict[str, Json]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph."""

    name: str
    dtype: str
    """As numpy names it."""
    axes: tuple[str | int, ...]
    """Names of dynamic axes, sizes of the others."""
    pad: float = 0
    """What fills up shorter rows of a batch."""


@dataclass(frozen=True)
class State:
    """What one run of a request leaves for the next. The runtime keeps it, and feeds `input` and `mask`; codecs do not."""

    input: str
    """Takes what is there, (batch, length, ...)."""
    mask: str
    """The input (batch, length) that is 1 where a row of `input` is filled; the rest of a row is zero."""
    output: str | None = None
    """What is appended to it after each run; None: it stays what the first call fed."""


@dataclass(frozen=True)
class Graph:
    """One function over tensors that exporters write to a file. Every input and output has the axis ``batch`` first."""

    name: str
    inputs: tuple[Tensor, ...]
    """Named and ordered as the arguments of the module."""
    outputs: tuple[Tensor, ...]
    axes: Mapping[str, tuple[int, int]]
    """The smallest and largest size of each dynamic axis but ``batch``."""
    tolerance: Mapping[str, float]
    """By output, the largest absolute difference that an exact file may show."""
    unscaled: tuple[str, ...] = ()
    """Outputs without a scale of their own, such as states: their tolerance is a share of their largest value, where that is
    above 1."""
    decides: str | None = None
    """The output whose argmax over the last axis is the answer, if there is one."""
    ranks: tuple[str, str] | None = None
    """The outputs (batch, k) that hold ids, the best first, and their scores, where the answer is a ranking."""
    state: tuple[State, ...] = ()
    """What earlier runs leave. A request takes many runs of such a graph, and their outputs are too large to be kept."""
    tables: tuple[Tensor, ...] = ()
    """More arguments, after the inputs, that are the same for every request and have no axis ``batch``, such as the vectors of
    items. They stand in the artifact as resources/tables/NAME.npy and may grow; see `Fitted.tables`."""
    source: object = field(default=None, metadata=UNSEALED)
    """What computes it: a `torch.nn.Module` in eval mode, or the `Path` of a file that is ONNX already; None when the graph was
    read back from an artifact."""
    example: Callable[[Mapping[str, int]], Tensors] | None = field(default=None, metadata=UNSEALED)
    """Makes valid arguments for given axis sizes, ``example({"batch": 2, "sequence": 5})``."""

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """Everything the module is called with, in order."""
        return (*self.inputs, *self.tables)

    @property
    def growing(self) -> list[tuple[str, str]]:
        """Of each state that grows the axis along which it does, and that of what is appended to it."""
        axes = {tensor.name: tensor.axes[1] for tensor in (*self.inputs, *self.outputs) if len(tensor.axes) > 1}
        return [(str(axes[state.input]), str(axes[state.output])) for state in self.state if state.output is not None]

    def traced_with(self) -> Tensors:
        """Inputs for exporters that trace: no size is 0 or 1, which tracers take for constants."""
        assert self.example is not None, f"graph {self.name} has no example"
        return self.example({"batch": 3, **{axis: min(9, largest) for axis, (_, largest) in self.axes.items()}})


def stateful(graphs: Sequence[Graph]) -> bool:
    return any(graph.state for graph in graphs)


class Backend(Protocol):
    """Runs graphs by name on numpy arrays."""

    def run(self, graph: str, feeds: Tensors) -> Tensors: ...
