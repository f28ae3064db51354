"""What calibration rows tell: the range of every activation, and which products suffer most from integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from framework import Tensors
from framework_onnx.int8_rewrite import Scheme, in_integers, products

KEPT = 4000  # values of one activation kept from one row
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)  # of the full range tried
SENSITIVITY_ROWS = 32


def ranges(base: Path, feeds: Sequence[Tensors]) -> dict[str, tuple[float, float]]:
    """For each activation that is multiplied the range whose 256 steps give the smallest mean squared error."""
    names, session = _with_activations(base)
    random = np.random.default_rng(0)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for feed in feeds if names else ():  # asked for no output, onnxruntime gives all
        for name, value in zip(names, session.run(names, feed), strict=True):
            flat = value.ravel()
            chosen = flat if flat.size <= KEPT else flat[random.integers(flat.size, size=KEPT)]
            kept[name].append(np.concatenate([chosen, [flat.min(), flat.max()]]).astype(np.float32))
    return {name: _best_range(np.concatenate(values)) for name, values in kept.items()}


def _best_range(values: np.ndarray) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    errors = [(_rounding_error(values, low * share, high * share), share) for share in SHARES]
    share = min(errors)[1]
    return low * share, high * share


def _rounding_error(values: np.ndarray, low: float, high: float) -> float:
    step = max(high - low, 1e-12) / 255
    return float(np.square(values - np.rint(values.clip(low, high) / step) * step).mean())


def _with_activations(base: Path) -> tuple[list[str], onnxruntime.InferenceSession]:
    """A session of the fp32 file that also returns what its products multiply."""
    model = onnx.load(base)
    names = sorted({node.input[0] for node in products(model)})
    known = {value.name for value in model.graph.output}
    for name in names:
        if name not in known:
            model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return names, _session(model)


def by_sensitivity(base: Path, feeds: Sequence[Tensors], scheme: Scheme) -> list[str]:
    """Names of the products, the one first that alone in integers moves the outputs the most."""
    rows = feeds[:SENSITIVITY_ROWS]
    expected = _outputs(_session(onnx.load(base)), rows)
    names = [node.name for node in products(onnx.load(base))]
    moved: Mapping[str, float] = {name: _moved(base, rows, expected, scheme, names, name) for name in names}
    return sorted(names, key=lambda name: -moved[name])


def _moved(
    base: Path, rows: Sequence[Tensors], expected: Sequence[np.ndarray], scheme: Scheme, names: Sequence[str], name: str
) -> float:
    alone = Scheme(scheme.per_channel, scheme.signed, scheme.ranges, [other for other in names if other != name])
    found = _outputs(_session(in_integers(onnx.load(base), alone)), rows)
    return float(np.mean([np.abs(ours - theirs).mean() for ours, theirs in zip(found, expected, strict=True)]))


def _outputs(session: onnxruntime.InferenceSession, rows: Sequence[Tensors]) -> list[np.ndarray]:
    return [np.concatenate([output.ravel() for output in session.run(None, feed)]) for feed in rows]


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
