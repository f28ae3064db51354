"""Calibration for INT8: the range of every activation, and the sensitivity of every product to quantization."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from framework import Tensors
from framework_onnx.int8_rewrite import Int8Scheme, products, quantize_int8

KEPT = 4000  # values of one activation that are sampled from one call, at most
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # shares of the full range of an activation that `ranges` tries
SENSITIVITY_ROWS = 32  # calibration feeds that sensitivity is measured on, at most


def ranges(base: Path, feeds: Sequence[Tensors], beside: Collection[str] = ()) -> dict[str, tuple[float, float]]:
    """By name of each activation that a product multiplies, the (lowest, highest) value that quantization covers.

    Of the `SHARES` of the full range, this is the one whose 256 steps give the smallest mean squared error.

    base: the fp32 file. feeds: calibration feeds. beside: names of nodes that are not quantized.
    """
    names, session = _with_activations(base, beside)
    random = np.random.default_rng(0)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for feed in feeds if names else ():  # for an empty list of outputs, onnxruntime returns all
        for name, value in zip(names, session.run(names, feed), strict=True):
            flat = value.ravel()
            sample = flat if flat.size <= KEPT else flat[random.integers(flat.size, size=KEPT)]
            samples[name].append(np.concatenate([sample, [flat.min(), flat.max()]]).astype(np.float32))
    return {name: _best_range(np.concatenate(values)) for name, values in samples.items()}


def _best_range(values: np.ndarray) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    errors = [(_rounding_error(values, low * share, high * share), share) for share in SHARES]
    share = min(errors)[1]
    return low * share, high * share


def _rounding_error(values: np.ndarray, low: float, high: float) -> float:
    step = max(high - low, 1e-12) / 255
    return float(np.square(values - np.rint(values.clip(low, high) / step) * step).mean())


def _with_activations(base: Path, beside: Collection[str]) -> tuple[list[str], onnxruntime.InferenceSession]:
    """The names of the activations that products multiply, and a session of the fp32 file that returns these, too."""
    model = onnx.load(base)
    names = sorted({node.input[0] for node in products(model, beside)})
    outputs = {value.name for value in model.graph.output}
    for name in names:
        if name not in outputs:
            model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return names, _session(model)


def by_sensitivity(base: Path, feeds: Sequence[Tensors], outputs: Sequence[str], scheme: Int8Scheme) -> list[str]:
    """Names of the products, most sensitive first: those that, quantized alone, change these outputs most.

    base, feeds: as for `ranges`. outputs: names of outputs of the file. scheme: how products are quantized; its `excluded` has
    no effect.
    """
    rows = feeds[:SENSITIVITY_ROWS]
    expected = _run(onnx.load(base), rows, outputs)
    names = [node.name for node in products(onnx.load(base), scheme.beside)]

    def error(name: str) -> float:
        alone = replace(scheme, excluded=[other for other in names if other != name])
        actual = _run(quantize_int8(onnx.load(base), alone), rows, outputs)
        return float(np.mean([np.abs(row - expected_row).mean() for row, expected_row in zip(actual, expected, strict=True)]))

    errors: Mapping[str, float] = {name: error(name) for name in names}
    return sorted(names, key=lambda name: -errors[name])


def _run(model: onnx.ModelProto, rows: Sequence[Tensors], outputs: Sequence[str]) -> list[np.ndarray]:
    session = _session(model)
    return [np.concatenate([output.ravel() for output in session.run(outputs, feed)]) for feed in rows]


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
