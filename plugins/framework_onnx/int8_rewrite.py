"""Rewrites an ONNX graph so that its large matrix products run on 8-bit integers.

A product x @ w becomes MatMulIntegerToFloat(quantized x, quantized w), an operator of onnxruntime that multiplies integers and
returns floats, so that outputs are not quantized. Weights are symmetric, activations asymmetric (Jacob et al. 2018). Embedding
tables get 8 bits and one scale for each row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
SMALL = 0.5  # relative to the median size of constant matrices: smaller ones, such as a head, cost little and stay fp32


@dataclass(frozen=True)
class Int8Scheme:
    """How matrix products are quantized."""

    per_channel: bool = True
    """Whether each column of a weight matrix has its own scale."""
    signed: bool = True
    """Whether weights are int8 of 7 bits, which overflow on no CPU; otherwise they are uint8 of 8 bits."""
    ranges: Mapping[str, tuple[float, float]] | None = None
    """By name of each activation its (lowest, highest) value, measured beforehand (static); None: measured in every run
    (dynamic)."""
    excluded: Collection[str] = ()
    """Names of products that stay fp32."""
    beside: Collection[str] = ()
    """Names of nodes of which none is quantized, and whose products do not tell which products are large."""


def products(model: ModelProto, excluded: Collection[str] = ()) -> list[NodeProto]:
    """The nodes that multiply by a large constant matrix. excluded: names of nodes that do not count."""
    constants = _constants(model.graph)
    nodes = [node for node in model.graph.node if node.name not in excluded and _is_product(node, constants)]
    sizes = [int(np.prod(constants[node.input[1]].dims)) for node in nodes]
    return [node for node, size in zip(nodes, sizes, strict=True) if size >= SMALL * np.median(sizes)]


def is_quantizable(model: ModelProto, excluded: Collection[str] = ()) -> bool:
    """Whether the model has a product or an embedding table that `quantize_int8` changes."""
    constants = _constants(model.graph)
    nodes = [node for node in model.graph.node if node.name not in excluded]
    return any(_is_product(n, constants) or (n.op_type == "Gather" and _is_table(n, constants)) for n in nodes)


def quantize_int8(model: ModelProto, scheme: Int8Scheme) -> ModelProto:
    """Rewrites the products and embedding tables of the model in place, and returns the model."""
    graph = model.graph
    constants = _constants(graph)
    biases = _biases(graph, constants)
    chosen = {node.name for node in products(model, scheme.beside)} - set(scheme.excluded)
    nodes: list[NodeProto] = []
    quantized: dict[str, list[str]] = {}
    absorbed: set[str] = set()
    for node in graph.node:
        if node.name in absorbed:
            continue
        if node.name in chosen:
            add = biases.get(node.output[0]) if len(node.input) < 3 else None  # a Gemm may have a bias already
            if add is not None:
                absorbed.add(add.name)
            nodes += _integer_product(graph, node, constants, add, scheme, quantized)
        elif node.op_type == "Gather" and node.name not in scheme.beside and _is_table(node, constants):
            nodes += _integer_table(graph, node, constants)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph)
    if not any(entry.domain == MICROSOFT for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


def _constants(graph: GraphProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in graph.initializer}


def _is_product(node: NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    if node.op_type not in ("MatMul", "Gemm") or node.input[0] in constants or node.input[1] not in constants:
        return False
    weight = constants[node.input[1]]
    plain = all(a.name == "transB" or helper.get_attribute_value(a) in (0, 1.0) for a in node.attribute)
    return plain and len(weight.dims) == 2


def _is_table(node: NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    table = constants.get(node.input[0])
    axis = next((helper.get_attribute_value(a) for a in node.attribute if a.name == "axis"), 0)
    return table is not None and axis == 0 and len(table.dims) == 2 and table.data_type == onnx.TensorProto.FLOAT


def _biases(graph: GraphProto, constants: Mapping[str, onnx.TensorProto]) -> dict[str, NodeProto]:
    """Output of a node -> the node that adds a bias: the only reader of the output, if it adds a constant vector."""
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    biases = {}
    for name, nodes in readers.items():
        if len(nodes) == 1 and nodes[0].op_type == "Add":
            addends = [entry for entry in nodes[0].input if entry != name]
            if len(addends) == 1 and addends[0] in constants and len(constants[addends[0]].dims) == 1:
                biases[name] = nodes[0]
    return biases


def _integer_product(
    graph: GraphProto,
    node: NodeProto,
    constants: Mapping[str, onnx.TensorProto],
    add: NodeProto | None,
    scheme: Int8Scheme,
    quantized: dict[str, list[str]],
) -> Iterator[NodeProto]:
    weight = numpy_helper.to_array(constants[node.input[1]])
    if any(a.name == "transB" and a.i for a in node.attribute):
        weight = weight.T
    integers, scales, zero = _quantize_weight(weight, scheme)
    stem = f"{node.input[1]}_{node.name}"
    names = [_add_constant(graph, f"{stem}_{kind}", value) for kind, value in (("q", integers), ("s", scales), ("z", zero))]
    activation = node.input[0]
    if activation not in quantized:
        quantized[activation] = [f"{activation}_{kind}" for kind in ("q", "s", "z")]
        yield _quantize_activation(graph, activation, quantized[activation], scheme)
    bias = [*node.input[2:], *(name for name in (add.input if add is not None else ()) if name != node.output[0])]
    q, s, z = quantized[activation]
    inputs = [q, names[0], s, names[1], z, names[2], *bias]
    output = add.output[0] if add is not None else node.output[0]
    yield helper.make_node("MatMulIntegerToFloat", inputs, [output], name=f"{node.name}_integer", domain=MICROSOFT)


def _quantize_weight(weight: np.ndarray, scheme: Int8Scheme) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(integers, scales, zero points) of a matrix (in, out): one scale for each column, or one for the matrix."""
    largest = np.abs(weight).max(axis=0 if scheme.per_channel else None)
    top, zero, kind = (63, 0, np.int8) if scheme.signed else (127, 128, np.uint8)
    scales = np.maximum(largest, 1e-12).astype(np.float32) / top
    integers = (np.rint(weight / scales).clip(-top, top) + zero).astype(kind)
    return integers, scales, np.full(scales.shape, zero, kind)


def _quantize_activation(graph: GraphProto, activation: str, names: list[str], scheme: Int8Scheme) -> NodeProto:
    if scheme.ranges is None:
        return helper.make_node("DynamicQuantizeLinear", [activation], names, name=f"{activation}_quantize")
    low, high = (min(scheme.ranges[activation][0], 0.0), max(scheme.ranges[activation][1], 0.0))
    scale = np.float32(max(high - low, 1e-12) / 255)
    _add_constant(graph, names[1], np.array(scale))
    _add_constant(graph, names[2], np.array(np.rint(-low / scale).clip(0, 255), np.uint8))
    return helper.make_node("QuantizeLinear", [activation, *names[1:]], names[:1], name=f"{activation}_quantize")


def _integer_table(graph: GraphProto, node: NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Iterator[NodeProto]:
    table = numpy_helper.to_array(constants[node.input[0]])
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12).astype(np.float32) / 127
    stem = f"{node.input[0]}_{node.name}"
    rows = _add_constant(graph, f"{stem}_q", np.rint(table / scales).astype(np.int8))
    row_scales = _add_constant(graph, f"{stem}_s", scales)
    yield helper.make_node("Gather", [rows, node.input[1]], [f"{stem}_row"], name=f"{node.name}_rows")
    yield helper.make_node("Cast", [f"{stem}_row"], [f"{stem}_float"], name=f"{node.name}_cast", to=onnx.TensorProto.FLOAT)
    yield helper.make_node("Gather", [row_scales, node.input[1]], [f"{stem}_scale"], name=f"{node.name}_scales")
    yield helper.make_node("Mul", [f"{stem}_float", f"{stem}_scale"], [node.output[0]], name=f"{node.name}_value")


def _add_constant(graph: GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _drop_unused(graph: GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(constants)
