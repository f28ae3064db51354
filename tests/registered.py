"""Artifacts for tests of registries and comparisons: runs of seconds, and copies that are others by their seal."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import framework
from framework.artifact.draft import Draft
from framework.artifact.manifest import MANIFEST, read_manifest


def linear_run(file: Path, folder: Path, *overrides: str) -> Path:
    """A run of the sentiment recipe in which a linear model ships."""
    given = [f"data.train={file}", "candidates=[linear]", "export=[onnx]", "trainer.enable_progress_bar=false", *overrides]
    return framework.run_recipe("sentiment", *given, folder=folder)


def resealed(artifact: Path, target: Path, **changes: Any) -> Path:
    """A copy of an artifact with another manifest, sealed as if it had been made so."""
    shutil.copytree(artifact, target)
    manifest = read_manifest(target)
    (target / MANIFEST).unlink()
    draft = Draft.__new__(Draft)
    draft.folder = target
    draft.seal(replace(manifest, **changes))
    return target


def registry_of_two(artifact: Path, place: Path) -> framework.Registry:
    """registry/support, with a champion, a challenger and a champion before; the challenger is another by its seal alone."""
    registry = framework.Registry(place / "registry" / "support")
    registry.register(resealed(artifact, place / "before", created="before"), alias="champion")
    registry.register(artifact, alias="champion")
    registry.register(resealed(artifact, place / "after", created="after"), alias="challenger")
    return registry
