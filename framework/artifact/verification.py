"""Whether the files of a sealed folder are as they were sealed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from framework.artifact.manifest import MANIFEST, Manifest, SealedFile, read_manifest, sha256
from framework.errors import InputError


def verified(folder: Path) -> Manifest:
    """The manifest of a folder, once every file has the size and sha256 in it. Raises InputError naming each that has not."""
    manifest = read_manifest(folder)
    files = {file for variant in manifest.variants.values() for file in variant.files.values()}
    problems = [f"{folder / MANIFEST} names {file}, which was not sealed" for file in files - manifest.files.keys()]
    with ThreadPoolExecutor() as pool:
        problems += filter(None, pool.map(lambda entry: _problem(folder, *entry), manifest.files.items()))
    if problems:
        raise InputError(*problems, "the artifact is not as it was sealed; copy it again or run the recipe again")
    return manifest


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
