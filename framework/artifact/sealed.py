"""Finds the artifact at an address, and opens the artifact after verifying that every file is as it was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.artifact.manifest import MANIFEST, Manifest, read_manifest
from framework.artifact.registry import registered_at
from framework.artifact.verification import verify
from framework.contracts.exporter import Variant
from framework.contracts.graph import Graph
from framework.errors import InputError


@dataclass(frozen=True)
class Artifact:
    """A sealed artifact whose files have been verified."""

    folder: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def graphs(self) -> Sequence[Graph]:
        return self.manifest.graphs

    def variant(self, name: str | None = None) -> Variant:
        """The variant of that name; None: the default variant. Raises InputError for an unknown name; it lists the variants."""
        variants = self.manifest.variants
        name = name or self.manifest.default
        if name not in variants:
            raise InputError(f"{self.folder} has no variant {name!r}; it has: {', '.join(variants)}")
        sealed = variants[name]
        return Variant(sealed.files, sealed.precision, sealed.facts, sealed.settings, name=name, format=sealed.format)

    def paths(self, variant: Variant) -> dict[str, Path]:
        """The files of a variant, by graph."""
        return {graph: self.folder / file for graph, file in variant.files.items()}


def find_artifact(address: Path | str) -> Path:
    """The folder of the artifact at an address. Raises InputError where there is none.

    address: the folder of an artifact, of a run or of a recipe's runs; a `latest` link; or a version of a registry, such as
    ``registry/NAME@champion``, which is fetched first where the registry is remote.
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
    """An artifact that has not been opened."""

    folder: Path
    version: str
    """The version in the manifest, before the files are verified."""


def locate_artifact(address: Path | str) -> ArtifactRef:
    """The artifact that `find_artifact` finds. Links and aliases are resolved, since they may point elsewhere later.

    Raises InputError where there is no artifact, or its manifest cannot be read.
    """
    folder = find_artifact(address).resolve()
    return ArtifactRef(folder, read_manifest(folder).version)


def open_artifact(address: Path | str) -> Artifact:
    """Verifies every file and returns the artifact. address: as for `find_artifact`. Raises InputError naming damaged files."""
    folder = find_artifact(address)
    return Artifact(folder, verify(folder))
