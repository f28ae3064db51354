"""The sealed folder: written in one piece, opened only when every file is as it was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from framework.artifact.manifest import MANIFEST, Manifest, SealedFile, read_manifest, sha256
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


def find_artifact(path: Path | str) -> Path:
    """The artifact folder for what a person names: an artifact, a run, or the `latest` link of a recipe."""
    given = Path(path)
    for folder in (given, given / "artifact", given / "latest" / "artifact"):
        if (folder / MANIFEST).is_file():
            return folder
    if not given.exists():
        raise InputError(f"no artifact at {given}; a run leaves one at runs/RECIPE/latest")
    raise InputError(
        f"{given} holds no artifact: no {MANIFEST} in it, and no artifact/ folder. Did the run fail? See its run.log"
    )


@dataclass(frozen=True)
class ArtifactRef:
    """An artifact that is still to be opened. version: as its manifest says, unproven."""

    folder: Path
    version: str


def locate_artifact(address: Path | str) -> ArtifactRef:
    """What `find_artifact` finds, links followed: ``latest`` may point elsewhere a moment later."""
    folder = find_artifact(address).resolve()
    return ArtifactRef(folder, read_manifest(folder).version)


def open_artifact(path: Path | str) -> Artifact:
    """Reads the manifest and checks every file against it. Raises InputError naming each that does not match."""
    folder = find_artifact(path)
    manifest = read_manifest(folder)
    files = {file for variant in manifest.variants.values() for file in variant.files.values()}
    problems = [f"{folder / MANIFEST} names {file}, which was not sealed" for file in files - manifest.files.keys()]
    with ThreadPoolExecutor() as pool:
        problems += filter(None, pool.map(lambda entry: _problem(folder, *entry), manifest.files.items()))
    if problems:
        raise InputError(*problems, "the artifact is not as it was sealed; copy it again or run the recipe again")
    return Artifact(folder, manifest)


def _problem(folder: Path, name: str, entry: SealedFile) -> str | None:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        return f"{folder / MANIFEST} names {name}, which is outside the artifact"
    path = folder / name
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != entry.bytes:
        return f"{path} has {size:,} bytes where {entry.bytes:,} were sealed"
    return f"{path} was altered: its sha256 differs from the sealed one" if sha256(path) != entry.sha256 else None
