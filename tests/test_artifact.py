"""An artifact opens only when every file is as it was sealed; what is not is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import framework
from framework.__main__ import main
from framework.artifact.manifest import seal_of


@pytest.fixture
def copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder / "artifact", tmp_path / "artifact"))


FILES = ["onnx/classifier.onnx", "onnx_int8/classifier.onnx", "torchscript/classifier.pt", "resources/tokenizer.json",
         "golden.jsonl", "recipe.yaml"]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_file_is_named(copy: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = copy / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    assert main(["predict", str(copy), "a text"]) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert {"missing": "is missing", "truncated": "bytes where", "altered": "was altered"}[damage] in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("not json", r"manifest\.json is damaged"),
        ("another label", r"manifest\.json was altered after sealing"),
        ("a file outside, resealed", r"\.\./\.\./secret, which is outside the artifact"),
        ("a variant outside, resealed", r"manifest\.json names \.\./other\.onnx, which was not sealed"),
    ],
)
def test_an_altered_manifest_is_named(copy: Path, change: str, message: str) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["codec"]["settings"]["labels"][0] = "changed"
    if "a file" in change:
        manifest["files"]["../../secret"] = {"bytes": 1, "sha256": ""}
    if "a variant" in change:
        manifest["variants"]["onnx"]["files"]["classifier"] = "../other.onnx"
    if "resealed" in change:
        manifest["seal"] = seal_of(manifest)
    path.write_text(path.read_text("utf-8")[:-9] if change == "not json" else json.dumps(manifest), "utf-8")
    with pytest.raises(framework.InputError, match=message):
        framework.load(copy)


def test_artifact_run_and_latest_link_open_the_same(run_folder: Path) -> None:
    found = {framework.load(path).artifact.folder.resolve() for path in
             (run_folder / "artifact", run_folder, run_folder.parent / "latest", run_folder.parent)}  # fmt: skip
    assert found == {(run_folder / "artifact").resolve()}


def test_what_is_no_artifact_says_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(framework.InputError, match="a run leaves one at runs/RECIPE/latest"):
        framework.load(tmp_path / "nowhere")
    with pytest.raises(framework.InputError, match="holds no artifact"):
        framework.load(tmp_path)


def test_an_unknown_variant_is_answered_with_the_known(run_folder: Path) -> None:
    with pytest.raises(framework.InputError, match="it has: onnx, onnx_int8, torchscript"):
        framework.load(run_folder, "onx")
    with pytest.raises(framework.InputError, match="torchscript is torchscript"):
        framework.load(run_folder, "torchscript")


def test_golden_examples_notice_a_machine_that_computes_something_else(run_folder: Path) -> None:
    from tests.test_verify import Shifted

    model = framework.load(run_folder)
    model.replay_golden()
    model.scheduler.backend = Shifted(model.scheduler.backend, 0.3)
    with pytest.raises(framework.FrameworkError, match="this machine computes something else"):
        model.replay_golden()
