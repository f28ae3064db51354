"""Rewrites an ONNX graph so that its matrices have weights of 4 or 8 bits; activations between operators stay fp32.

A product x @ w becomes MatMulNBits, an operator of onnxruntime: the weights of a column are cut into blocks, each with its own
scale and, for 4 bits, a zero point; the operator itself rounds x to 8 bits, block by block and row by row. The embedding
becomes GatherBlockQuantized; where it is tied to the head, both read the same integers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.capi._pybind_state import quantize_matmul_4bits, quantize_matmul_8bits

MICROSOFT = "com.microsoft"
INTEGER_ACTIVATIONS = 4  # accuracy_level of MatMulNBits: int8, the fastest; the error is small beside that of 4-bit weights
COLUMNS = 16384  # columns quantized at once, at most, to save memory: the head over a vocabulary is large


@dataclass(frozen=True)
class Blocks:
    """How the weights of a matrix are quantized."""

    bits: int
    """Bits of a weight: 4 or 8."""
    size: int
    """Number of weights that share a scale: a power of two, at least 16."""

    @property
    def symmetric(self) -> bool:
        """Whether blocks have no zero point, as with 8 bits, where a zero point would gain little."""
        return self.bits == 8


@dataclass(frozen=True)
class BlockScheme:
    """How the matrices of a graph are quantized."""

    inner: Blocks
    """For all matrices but the head and the embedding."""
    outer: Blocks | None
    """For the head and the embedding; None: they stay fp32."""


@dataclass(frozen=True)
class _Matrix:
    """A constant weight matrix of fp32."""

    tensor: TensorProto
    turned: bool
    """Whether the tensor is stored as (out, in)."""

    @property
    def shape(self) -> tuple[int, int]:
        """(in, out)."""
        first, second = self.tensor.dims
        return (second, first) if self.turned else (first, second)


@dataclass
class _Rewriter:
    """Rewrites the nodes of one graph."""

    graph: GraphProto
    scheme: BlockScheme
    vocabulary: int
    """Number of outputs of the head, which is recognised by this; 0: the graph has no head."""
    constants: Mapping[str, TensorProto]
    transposed: Mapping[str, str]
    """Output of a node that transposes a constant matrix -> name of the matrix."""
    quantized: dict[str, list[str]] = field(default_factory=dict)
    """Name of a matrix, see `integers` -> the names of its integers, scales and, if any, zero points."""

    def rewrite(self, node: NodeProto) -> Iterator[NodeProto]:
        """The nodes that replace a node; the node itself where the scheme quantizes no matrix of the node."""
        matrix, table = self.matrix(node), self.table(node)
        blocks = None
        if matrix is not None:
            blocks = self.scheme.outer if matrix.shape[1] == self.vocabulary else self.scheme.inner
        elif table is not None and self.scheme.outer is not None and table.shape[0] % self.scheme.outer.size == 0:
            blocks = self.scheme.outer
        if blocks is None:
            yield node
        elif matrix is not None:
            yield from self.product(node, matrix, blocks)
        elif table is not None:
            yield from self.lookup(node, table, blocks)

    def matrix(self, node: NodeProto) -> _Matrix | None:
        """The constant matrix that a product multiplies by; None for any other node."""
        if node.op_type not in ("MatMul", "Gemm"):
            return None
        name, attributes = node.input[1], {a.name: helper.get_attribute_value(a) for a in node.attribute}
        turned = name in self.transposed
        tensor = self.constants.get(self.transposed.get(name, name))
        plain = attributes.get("transA", 0) == 0 and attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0
        if tensor is None or not plain or len(tensor.dims) != 2 or tensor.data_type != TensorProto.FLOAT:
            return None
        return _Matrix(tensor, turned != bool(attributes.get("transB", 0)))

    def table(self, node: NodeProto) -> _Matrix | None:
        """The embedding matrix, as (width, tokens), the shape of a tied head; None for a node that looks up no embedding."""
        tensor = self.constants.get(node.input[0]) if node.op_type == "Gather" else None
        is_table = tensor is not None and len(tensor.dims) == 2 and tensor.dims[0] >= self.vocabulary
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        return _Matrix(tensor, turned=True) if tensor is not None and is_table and axis == 0 else None

    def product(self, node: NodeProto, matrix: _Matrix, blocks: Blocks) -> Iterator[NodeProto]:
        """The nodes that replace a product: MatMulNBits, and an Add where the product has a bias."""
        rows, columns = matrix.shape
        names, bias = self.integers(matrix, blocks), list(node.input[2:3])
        output = f"{node.output[0]}_product" if bias else node.output[0]
        yield helper.make_node(
            "MatMulNBits", [node.input[0], *names], [output], name=f"{node.name}_blocks", domain=MICROSOFT,
            K=rows, N=columns, bits=blocks.bits, block_size=blocks.size, accuracy_level=INTEGER_ACTIVATIONS,
        )  # fmt: skip
        if bias:
            yield helper.make_node("Add", [output, *bias], [node.output[0]], name=f"{node.name}_bias")

    def lookup(self, node: NodeProto, table: _Matrix, blocks: Blocks) -> Iterator[NodeProto]:
        """The nodes that replace a lookup: GatherBlockQuantized, and a Reshape of the integers to rows."""
        integers, *scales = self.integers(table, blocks)
        stem = f"{table.tensor.name}_{node.name}"
        shape = _add_constant(self.graph, f"{stem}_shape", np.array([table.shape[1], -1]))
        yield helper.make_node("Reshape", [integers, shape], [f"{stem}_rows"], name=f"{node.name}_flat")
        yield helper.make_node(
            "GatherBlockQuantized", [f"{stem}_rows", node.input[1], *scales], list(node.output), name=f"{node.name}_blocks",
            domain=MICROSOFT, bits=blocks.bits, block_size=blocks.size, gather_axis=0, quantize_axis=1,
        )  # fmt: skip

    def integers(self, matrix: _Matrix, blocks: Blocks) -> list[str]:
        """Quantizes a matrix, unless it was before, and returns the names of the constants that hold the result.

        They are integers (out, blocks, bytes), scales (out, blocks) and, with 4 bits, zero points, two in a byte.
        """
        name = matrix.tensor.name + ("_turned" if matrix.turned else "")
        if name not in self.quantized:
            parts = zip(("integers", "scales", "zeros"), _quantize(matrix, blocks), strict=False)
            self.quantized[name] = [_add_constant(self.graph, f"{name}_{kind}", value) for kind, value in parts]
        return self.quantized[name]


def quantize_blocks(model: ModelProto, scheme: BlockScheme, vocabulary: int, beside: Collection[str] = ()) -> ModelProto:
    """Rewrites the model in place and returns it.

    vocabulary: number of outputs of the head; 0: there is no head. beside: names of nodes that stay as they are.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    transposes = [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in constants]
    transposed = {node.output[0]: node.input[0] for node in transposes if len(constants[node.input[0]].dims) == 2}
    rewriter = _Rewriter(graph, scheme, vocabulary, constants, transposed)
    nodes: list[NodeProto] = []
    for node in graph.node:
        nodes += [node] if node.name in beside else rewriter.rewrite(node)
    read = {name for node in nodes for name in node.input} | {output.name for output in graph.output}
    nodes = [node for node in nodes if read.intersection(node.output)]  # drops transpositions of quantized matrices
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    constants_read = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(constants_read)
    if not any(entry.domain == MICROSOFT for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    return model


def _quantize(matrix: _Matrix, blocks: Blocks) -> list[np.ndarray]:
    """Integers, scales and, unless the blocks are symmetric, zero points; shapes: see `_Rewriter.integers`."""
    values = numpy_helper.to_array(matrix.tensor)
    weight = values.T if matrix.turned else values
    cuts = range(0, weight.shape[1], COLUMNS)
    parts = [_quantize_columns(np.ascontiguousarray(weight[:, cut : cut + COLUMNS]), blocks) for cut in cuts]
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return joined[:2] if blocks.symmetric else joined


def _quantize_columns(weight: np.ndarray, blocks: Blocks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, scales and zero points of a matrix (in, out), computed by onnxruntime.

    Its functions are called directly, because importing its module for them, matmul_nbits_quantizer, configures logging.
    """
    rows, columns = weight.shape
    count = -(-rows // blocks.size)
    padded = np.pad(weight, ((0, count * blocks.size - rows), (0, 0)))
    integers = np.zeros((columns, count, blocks.size * blocks.bits // 8), np.uint8)
    scales = np.zeros((columns, count), np.float32)
    zeros = np.zeros((columns, -(-count * blocks.bits // 8)), np.uint8)
    write = quantize_matmul_4bits if blocks.bits == 4 else quantize_matmul_8bits
    write(integers, padded, scales, zeros, blocks.size, columns, rows, blocks.symmetric)
    return integers, scales, zeros


def _add_constant(graph: GraphProto, name: str, value: np.ndarray) -> str:
    graph.initializer.append(numpy_helper.from_array(value, name))
    return name
