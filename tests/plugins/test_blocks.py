"""The rewrite in blocks: what is rounded, what is shared, and that it stays near the floats."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from framework_onnx.int4_rewrite import quantize_blocks
from framework_onnx.int4_search import parse

TOKENS, WIDTH = 70, 64


def model() -> ModelProto:
    """An embedding, a MatMul, a Gemm with a transposed matrix and a bias, and a head tied to the embedding."""
    random = np.random.default_rng(0)
    sizes = {"table": (TOKENS, WIDTH), "w1": (WIDTH, 48), "w2": (WIDTH, 48), "b2": (WIDTH,)}
    weights = [numpy_helper.from_array(random.normal(size=size).astype(np.float32), name) for name, size in sizes.items()]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"], name="rows"),
        helper.make_node("MatMul", ["x", "w1"], ["y"], name="product"),
        helper.make_node("Gemm", ["y", "w2", "b2"], ["z"], name="gemm", transB=1),
        helper.make_node("Transpose", ["table"], ["turned"], name="turn", perm=[1, 0]),
        helper.make_node("MatMul", ["z", "turned"], ["logits"], name="head"),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", TOKENS])]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, weights),
                             opset_imports=[helper.make_opsetid("", 20)], ir_version=10)  # fmt: skip


def run(graph: ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"ids": np.arange(50)})[0]
    return found


@pytest.mark.parametrize(
    ("name", "apart"),
    [("int8 block 32", 0.02), ("int8 block 16", 0.02), ("int4 block 32", 0.2), ("int4 block 16 head int8", 0.2)],
)
def test_blocks_stay_near_the_floats_and_a_tied_head_stays_tied(name: str, apart: float) -> None:
    found = quantize_blocks(model(), parse(name), TOKENS)
    expected = run(model())
    assert np.abs(run(found) - expected).mean() < apart * np.abs(expected).mean()
    assert {node.op_type for node in found.graph.node} == {"Reshape", "GatherBlockQuantized", "MatMulNBits", "Add"}
    shared = [tensor for tensor in found.graph.initializer if tensor.name.endswith("_integers")]
    assert len(shared) == 3  # of four matrices that are read


@pytest.mark.parametrize("name", ["int4 block 32 head fp32", "int8 block 128"])
def test_an_embedding_that_blocks_do_not_fit_or_that_is_left_stays_in_floats(name: str) -> None:
    kinds = [node.op_type for node in quantize_blocks(model(), parse(name), TOKENS).graph.node]
    assert "Gather" in kinds
    assert kinds.count("MatMulNBits") == (2 if "fp32" in name else 3)
