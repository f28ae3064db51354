"""The manifest of a real artifact against the JSON schema that is shipped with the framework."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib.resources import files
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from framework.artifact.manifest import FORMAT
from framework.artifact.schema import FILE, manifest_table, schema_text

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    content = json.loads((files("framework.artifact") / "manifest.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


@pytest.fixture
def manifest(run_folder: Path) -> Manifest:
    found: Manifest = json.loads((run_folder / "artifact" / "manifest.json").read_text("utf-8"))
    return found


def test_schema_and_docs_are_those_that_the_type_gives() -> None:
    assert FILE.read_text("utf-8") == schema_text(), "write them anew: python -m framework.artifact.schema"
    page = (Path(__file__).parents[1] / "docs" / "artifact.md").read_text("utf-8")
    assert "\n".join(manifest_table()) in page


def test_a_sealed_manifest_fits_the_schema_of_its_format(manifest: Manifest, schema: Draft202012Validator) -> None:
    assert manifest["format"] == FORMAT == schema.schema["properties"]["format"]["const"]
    assert schema.schema["$id"].endswith(f":{FORMAT}")
    assert [error.message for error in schema.iter_errors(manifest)] == []


def test_a_missing_key_and_an_unknown_one_do_not_fit(manifest: Manifest, schema: Draft202012Validator) -> None:
    variant, graph = next(iter(manifest["variants"])), ("graphs", 0)
    for path in ((), ("codec",), ("variants", variant), graph, (*graph, "inputs", 0), ("golden",), ("data",), ("evaluation",)):
        for key in _at(manifest, path):
            assert not schema.is_valid(_changed(manifest, path, methodcaller("pop", key))), (path, key)
        assert not schema.is_valid(_changed(manifest, path, methodcaller("update", surprise=1))), path


def test_what_a_lossy_file_may_leave_behind_fits(manifest: Manifest, schema: Draft202012Validator) -> None:
    """A rejected candidate and abstention, which the shared run may or may not have."""
    variant = manifest["variants"]["onnx"]
    manifest["rejected"]["static tensor int8"] = {**variant, "parity": None}
    manifest["codec"]["settings"] |= {"precision": 0.95, "threshold": 0.7}
    variant["settings"] |= {"temperature": 1.1, "threshold": 0.72}
    assert [error.message for error in schema.iter_errors(manifest)] == []
    manifest["files"]["../outside"] = {"bytes": 1, "sha256": "0" * 64}
    assert not schema.is_valid(manifest)


def _at(manifest: Manifest, path: tuple[str | int, ...]) -> Manifest:
    found: Any = manifest
    for step in path:
        found = found[step]
    return dict(found)


def _changed(manifest: Manifest, path: tuple[str | int, ...], change: Callable[[Manifest], object]) -> Manifest:
    """A copy in which `change` was applied to what stands at the path."""
    copied: Any = copy.deepcopy(manifest)
    found = copied
    for step in path:
        found = found[step]
    change(found)
    return dict(copied)
