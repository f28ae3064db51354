"""A lossy file ships where it is clearly smaller or faster than the exact one; two timings of one file decide nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import framework
from framework.contracts.facts import Measurement
from framework.contracts.graph import Graph, Tensor
from framework.export.parity import Trace, changed_answers
from framework.export.quantization_gate import gains


def measured(megabytes: float, per_second: float, milliseconds: float) -> Measurement:
    return Measurement(int(megabytes * 1e6), {}, milliseconds, per_second, "")


EXACT = measured(100, 1000, 2)


@pytest.mark.parametrize(
    ("megabytes", "per_second", "milliseconds", "ships"),
    [
        (99.3, 430, 4.6, False),  # as large, and slower
        (99, 1100, 1.9, False),  # as large, and as fast but for the noise
        (99, 1300, 1.9, True),  # clearly faster in batches
        (99, 1000, 1.5, True),  # clearly faster alone
        (99, 1300, 4, False),  # and clearly slower alone
        (130, 2000, 1, False),  # faster, and larger
        (89, 820, 2.4, True),  # smaller, and as fast but for the noise
        (89, 700, 3, False),  # a little smaller, and much slower
        (26, 300, 7, True),  # a quarter of the size, a third of the speed
        (26, 200, 9, False),  # a quarter of the size, a fifth of the speed
        (26, 200, 2, True),  # for one at a time it is as good
    ],
)
def test_a_gain_is_a_file_clearly_smaller_or_faster(
    megabytes: float, per_second: float, milliseconds: float, ships: bool
) -> None:
    lossy = measured(megabytes, per_second, milliseconds)
    assert gains(lossy, EXACT, "onnx")[0] == ships


def test_a_file_that_keeps_the_metric_and_is_no_gain_stays_out_and_the_table_says_why(
    tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is a hundred times smaller."""
    monkeypatch.setattr("framework.export.quantization_gate.SMALLER", 0.01)
    monkeypatch.setattr("framework.export.quantization_gate.FASTER", 100)
    given = [
        "export=[onnx,onnx_int8]",
        "export.onnx_int8.max_drop=1",
        "export.onnx_int8.max_loss_rise=9",
        "trainer.max_steps=2",
    ]
    folder = framework.run_recipe("sentiment", *small, *given, folder=tmp_path / "run")
    manifest = json.loads((folder / "artifact" / "manifest.json").read_text("utf-8"))
    assert set(manifest["variants"]) == {"onnx"}
    [tried] = manifest["rejected"].values()  # those after the first are no smaller
    for part in ("NOT shipped", "no gain: ", "% of the size of onnx, ", "export.onnx_int8.must_help=false ships it"):
        assert part in tried["decision"]
    report = json.loads((folder / "report.json").read_text("utf-8"))
    files = next(section for section in report["sections"] if section["title"] == "Files")
    assert [row[-1] for row in files["rows"]] == ["", "yes", "no: no gain"]


def test_answers_that_change_are_counted_whatever_kind_of_decision_they_are() -> None:
    one = Graph("one", (), (Tensor("p", "float32", ("batch", 2)),), {}, {}, decides="p")
    several = Graph("several", (), (Tensor("q", "float32", ("batch", 2)),), {}, {}, thresholds={"q": (0.5, 0.2)})

    def traced(*calls: tuple[str, str, list[list[float]]]) -> Trace:
        return Trace([], [[(graph, {output: np.asarray(values)})] for graph, output, values in calls])

    before = traced(("one", "p", [[0.6, 0.4], [0.1, 0.9]]), ("several", "q", [[0.6, 0.3]]), ("one", "p", [[0.9, 0.1]]))
    after = traced(("one", "p", [[0.4, 0.6], [0.2, 0.8]]), ("several", "q", [[0.6, 0.1]]), ("one", "p", [[0.1, 0.9]]))
    assert changed_answers([one, several], before, after, rows=2) == pytest.approx(2 / 3)  # the third is an edge case
    assert changed_answers([one, several], before, before, rows=2) == 0
    assert changed_answers([], Trace([], []), Trace([], []), rows=2) is None


def test_a_file_that_changes_many_answers_stays_out_although_the_metric_keeps(
    tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.export.quantization_gate.changed_answers", lambda *others: 0.03)
    given = ["export=[onnx,onnx_int8]", "export.onnx_int8.max_loss_rise=9", "trainer.max_steps=2"]
    given += ["export.onnx_int8.candidates=[static channel int8]", "export.onnx_int8.must_help=false"]
    folder = framework.run_recipe("sentiment", *small, *given, folder=tmp_path / "run")
    manifest = json.loads((folder / "artifact" / "manifest.json").read_text("utf-8"))
    assert "3.0% of the answers differ (2.5% are allowed)" in manifest["rejected"]["static channel int8"]["decision"]
    assert set(manifest["variants"]) == {"onnx"}
