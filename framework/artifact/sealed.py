"""The sealed folder: where an address leads, and its opening, only when every file is as it was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.artifact.manifest import MANIFEST, Manifest, read_manifest
from framework.artifact.registry import registered_at
from framework.artifact.verification import verified
from framework.contracts.exporter import Variant
from framework.contracts.graph import Graph
from framework.errors import InputError


@dataclass(frozen=True)
class Artifact:
    """A sealed artifact whose checksums hold."""

    folder: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def graphs(self) -> Sequence[Graph]:
        return self.manifest.graphs

    def variant(self, name: str | None = None) -> Variant:
        """A variant by name; without one, the one the run decided to ship."""
        variants = self.manifest.variants
        chosen = name or self.manifest.default
        if chosen not in variants:
            raise InputError(f"{self.folder} has no variant {chosen!r}; it has: {', '.join(variants)}")
        sealed = variants[chosen]
        return Variant(sealed.files, sealed.precision, sealed.facts, sealed.settings, name=chosen, format=sealed.format)

    def paths(self, variant: Variant) -> dict[str, Path]:
        return {graph: self.folder / file for graph, file in variant.files.items()}


def find_artifact(address: Path | str) -> Path:
    """The artifact folder for what a person names: an artifact, a run, the `latest` link of a recipe, or a version of a
    registry, ``registry/NAME@champion``, fetched first where the registry is elsewhere.
    """
    registered = registered_at(address)
    if registered is not None:
        registry, reference = registered
        return registry.folder(reference)
    path = Path(address)
    for folder in (path, path / "artifact", path / "latest" / "artifact"):
        if (folder / MANIFEST).is_file():
            return folder
    if not path.exists():
        raise InputError(f"no artifact at {path}; a run leaves one at runs/RECIPE/latest")
    raise InputError(
        f"{path} holds no artifact: no {MANIFEST} in it, and no artifact/ folder. Did the run fail? See its run.log"
    )


@dataclass(frozen=True)
class ArtifactRef:
    """An artifact that is still to be opened. version: as its manifest says, unproven."""

    folder: Path
    version: str


def locate_artifact(address: Path | str) -> ArtifactRef:
    """What `find_artifact` finds, links and aliases followed: they may point elsewhere a moment later."""
    folder = find_artifact(address).resolve()
    return ArtifactRef(folder, read_manifest(folder).version)


def open_artifact(address: Path | str) -> Artifact:
    """Reads the manifest and checks every file against it. Raises InputError naming each that does not match."""
    folder = find_artifact(address)
    return Artifact(folder, verified(folder))
