"""The integer rewrite computes nearly what the fp32 graph computes, whatever holds the bias."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from framework_onnx.int8_rewrite import Int8Scheme, products, quantize_int8


def model() -> ModelProto:
    """A table, a MatMul with an Add after it, and a Gemm with its own bias and another Add after it."""
    random = np.random.default_rng(0)
    values = {"table": (50, 32), "w1": (32, 24), "b1": (24,), "w2": (24, 24), "b2": (24,), "b3": (24,)}
    weights = [numpy_helper.from_array(random.normal(size=size).astype(np.float32), name) for name, size in values.items()]
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"], name="rows"),
        helper.make_node("MatMul", ["x", "w1"], ["y"], name="product"),
        helper.make_node("Add", ["y", "b1"], ["z"], name="bias"),
        helper.make_node("Gemm", ["z", "w2", "b2"], ["u"], name="gemm"),
        helper.make_node("Add", ["u", "b3"], ["out"], name="second"),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 24])]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, weights),
                             opset_imports=[helper.make_opsetid("", 20)], ir_version=10)  # fmt: skip


def run(graph: ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"ids": np.arange(50)})[0]
    return found


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("ranges", [None, {"x": (-4.0, 4.0), "z": (-30.0, 30.0)}], ids=["dynamic", "static"])
def test_integers_stay_near_the_floats(per_channel: bool, signed: bool, ranges: dict[str, tuple[float, float]] | None) -> None:
    expected = run(model())
    found = run(quantize_int8(model(), Int8Scheme(per_channel, signed, ranges)))
    assert np.abs(found - expected).mean() < 0.03 * np.abs(expected).mean()


def test_what_is_excluded_stays_in_floats() -> None:
    names = [node.name for node in products(model())]
    assert names == ["product", "gemm"]
    kinds = [node.op_type for node in quantize_int8(model(), Int8Scheme(excluded=["gemm"])).graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 1
    assert "Gemm" in kinds
