"""What runs: graphs over tensors, the codec around them, the backend under them. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from framework.contracts.plain import UNSEALED

Request = Mapping[str, Any]
Response = dict[str, Any]
Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tensor:
    """An input or output of a graph. `axes` names the dynamic ones and gives the size of the fixed ones."""

    name: str
    dtype: str
    axes: tuple[str | int, ...]
    pad: float = 0


@dataclass(frozen=True)
class State:
    """What one run of a request leaves for the next. The runtime keeps it, and feeds `input` and `mask`; codecs do not.

    input: (batch, length, ...). mask: the input (batch, length) that is 1 where a row of `input` is filled; the rest of a
        row is zero. output: what is appended to it after each run; None: it stays what the first call fed.
    """

    input: str
    mask: str
    output: str | None = None


@dataclass(frozen=True)
class Graph:
    """One function over tensors that exporters write to a file. Every input and output has the axis ``batch`` first.

    inputs: named and ordered as the module's arguments.
    tables: more arguments, after the inputs, that are the same for every request and have no axis ``batch``, such as the
        vectors of items. They stand in the artifact as resources and may grow; see `Fitted.tables`.
    axes: the smallest and largest size of each dynamic axis but ``batch``.
    tolerance: largest absolute difference an exact export may show, per output.
    unscaled: outputs without a scale of their own, such as states: where their largest value is above 1, the tolerance is a
        share of it.
    decides: the output whose argmax over the last axis is the answer, if there is one.
    ranks: the outputs (batch, k) that hold ids, the best first, and their scores, where the answer is a ranking.
    state: what earlier runs leave. A request takes many runs of such a graph, and their outputs are too large to be kept.
    source: what computes it: a `torch.nn.Module` in eval mode, or the `Path` of a file that is ONNX already; None when the
        graph was read back from an artifact.
    example: makes valid arguments for given axis sizes, ``example({"batch": 2, "sequence": 5})``.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    axes: Mapping[str, tuple[int, int]]
    tolerance: Mapping[str, float]
    unscaled: tuple[str, ...] = ()
    decides: str | None = None
    ranks: tuple[str, str] | None = None
    state: tuple[State, ...] = ()
    tables: tuple[Tensor, ...] = ()
    source: object = field(default=None, metadata=UNSEALED)
    example: Callable[[Mapping[str, int]], Tensors] | None = field(default=None, metadata=UNSEALED)

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
