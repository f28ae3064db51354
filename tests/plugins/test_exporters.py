"""The exporters: the conformance kit, and the gate that quantized files pass or do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import onnx
import pytest

import framework
from framework.testing import ExporterConformance
from framework_onnx import CANDIDATES
from tests.tiny import LENGTH, rows, tiny_model, write_csv


class _Tiny(ExporterConformance):
    recipe = "sentiment"

    def overrides(self, folder: Path) -> list[str]:
        return [
            f"data.train={write_csv(folder / 'rows.csv', rows())}",
            f"model.name={tiny_model(folder / 'model')}",
            f"task.max_length={LENGTH}",
            "trainer.enable_progress_bar=false",
        ]


class TestOnnx(_Tiny):
    exporters: ClassVar[list[str]] = ["onnx", "onnx_int8", "onnx_int4"]


class TestTorchScript(_Tiny):
    exporters: ClassVar[list[str]] = ["torchscript"]


def test_batch_and_sequence_are_dynamic_and_the_softmax_is_fp32(run_folder: Path) -> None:
    for name in ("onnx", "onnx_int8"):
        graph = onnx.load(run_folder / "artifact" / name / "classifier.onnx").graph
        assert [d.dim_param != "" for d in graph.input[0].type.tensor_type.shape.dim] == [True, True]
        assert graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert any(node.op_type == "MatMulIntegerToFloat" for node in graph.node)


def test_a_quantized_file_that_loses_too_much_does_not_ship(tmp_path: Path, small: list[str]) -> None:
    folder = framework.run_recipe(
        "sentiment",
        *small,
        "export=[onnx,onnx_int8]",
        "trainer.max_steps=2",
        "export.onnx_int8.max_drop=-2",
        folder=tmp_path / "run",
    )
    manifest = json.loads((folder / "artifact" / "manifest.json").read_text("utf-8"))
    assert "onnx_int8" not in manifest["variants"]
    assert manifest["default"] == "onnx"
    assert list(manifest["rejected"]) == list(CANDIDATES)
    assert all(tried["decision"].startswith("NOT shipped") and tried["bytes"] for tried in manifest["rejected"].values())
    assert not (folder / "artifact" / "onnx_int8").exists()
    assert "NOT shipped" in (folder / "report.html").read_text("utf-8")


def test_an_exporter_without_its_base_is_refused(small: list[str]) -> None:
    from framework.recipe.compose import compose_recipe

    with pytest.raises(framework.InputError, match=r"export=\[onnx,onnx_int8\]"):
        compose_recipe("sentiment", [*small, "export=[onnx_int8]"])
    with pytest.raises(framework.InputError, match=r"runs without torch: write export=\[onnx,torchscript\]"):
        compose_recipe("sentiment", [*small, "export=[torchscript]"])


def test_what_company_does_to_a_quantized_answer_is_said(run_folder: Path) -> None:
    variants = json.loads((run_folder / "artifact" / "manifest.json").read_text("utf-8"))["variants"]
    assert "answered together instead of alone, " in variants["onnx_int8"]["decision"]
    assert variants["onnx"]["batch_effect"].startswith("answered together instead of alone, 0 of 24 answers changed")
