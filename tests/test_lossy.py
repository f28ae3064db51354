"""A lossy file ships where it is clearly smaller or faster than the exact one; two timings of one file decide nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import framework
from framework.contracts.facts import Measurement
from framework.contracts.graph import Graph, Tensor
from framework.export.parity import changed_answers
from framework.export.quantization_gate import gains
from framework.runtime.scheduler import Record


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


def test_answers_that_change_are_counted_where_a_request_has_one_decision() -> None:
    graph = Graph("one", (), (Tensor("p", "float32", ("batch", 2)),), {}, {}, decides="p")

    def record(*answers: list[list[float]]) -> Record:
        return [[("one", {"p": np.asarray(answer)})] for answer in answers]

    before, after = record([[0.6, 0.4]], [[0.1, 0.9]], [[0.9, 0.1]]), record([[0.4, 0.6]], [[0.2, 0.8]], [[0.8, 0.2]])
    assert changed_answers([graph], before, after) == pytest.approx(1 / 3)
    assert changed_answers([graph], before, before) == 0
    assert changed_answers([graph], [], []) is None
    of_tokens: Record = [[("one", {"p": np.zeros((1, 5, 2))})]]
    assert changed_answers([graph], of_tokens, of_tokens) is None


@pytest.mark.parametrize(("changed", "ships"), [(0.0, True), (0.03, False)])
def test_a_file_that_changes_many_answers_stays_out_although_the_metric_keeps(
    tmp_path: Path, small: list[str], monkeypatch: pytest.MonkeyPatch, changed: float, ships: bool
) -> None:
    monkeypatch.setattr("framework.export.quantization_gate.changed_answers", lambda *others: changed)
    monkeypatch.setattr("framework.export.quantization_gate.LOST", 40)  # of max_drop=1, which keeps any metric, 2.5% are left
    given = [
        "export=[onnx,onnx_int8]",
        "export.onnx_int8.max_drop=1",
        "export.onnx_int8.max_loss_rise=9",
        "trainer.max_steps=2",
    ]
    given += ["export.onnx_int8.candidates=[static channel int8]", "export.onnx_int8.must_help=false"]
    folder = framework.run_recipe("sentiment", *small, *given, folder=tmp_path / "run")
    manifest = json.loads((folder / "artifact" / "manifest.json").read_text("utf-8"))
    assert ("onnx_int8" in manifest["variants"]) == ships
    tried = manifest["variants"]["onnx_int8"] if ships else manifest["rejected"]["static channel int8"]
    assert f"{changed:.1%} of the answers differ (2.5% are allowed)" in tried["decision"]
