"""Verifies that the files of an artifact are as they were sealed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from framework.artifact.manifest import MANIFEST, Manifest, SealedFile, read_manifest, sha256
from framework.errors import InputError


def verify(folder: Path) -> Manifest:
    """Checks size and sha256 of every file of the artifact in `folder`, and returns the manifest.

    Raises InputError naming each file that differs.
    """
    manifest = read_manifest(folder)
    files = {file for variant in manifest.variants.values() for file in variant.files.values()}
    problems = [f"{folder / MANIFEST} names {file}, which was not sealed" for file in files - manifest.files.keys()]
    with ThreadPoolExecutor() as pool:
        problems += filter(None, pool.map(lambda entry: _problem(folder, *entry), manifest.files.items()))
    if problems:
        raise InputError(*problems, "the artifact is not as it was sealed; copy it again or run the recipe again")
    return manifest


def _problem(folder: Path, name: str, entry: SealedFile) -> str | None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        return f"{folder / MANIFEST} names {name}, which is outside the artifact"
    path = folder / name
    if not path.is_file():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != entry.bytes:
        return f"{path} has {size:,} bytes where {entry.bytes:,} were sealed"
    return f"{path} was altered: its sha256 differs from the sealed one" if sha256(path) != entry.sha256 else None
