"""Which products of a graph lead only to outputs beside the answer, such as features: they stay fp32, because the gate of lossy
files judges answers and would not see what rounding does to the others.
"""

from __future__ import annotations

from onnx import ModelProto

from framework import Graph


def nodes_beside(model: ModelProto, graph: Graph) -> frozenset[str]:
    """Names of the nodes on no way to the output that decides; none where no output does, or where the graph has state."""
    if graph.decides is None or graph.state:
        return frozenset()
    needed = {graph.decides}
    for node in reversed(model.graph.node):  # ONNX orders a node after those that it reads
        if needed.intersection(node.output):
            needed.update(node.input)
    return frozenset(node.name for node in model.graph.node if not needed.intersection(node.output))
