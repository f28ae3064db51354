"""A cache on disk for features of frozen encoders, shared by all runs. No torch.

Files: ``$XDG_CACHE_HOME/recipe-framework/features/SHA256.npy``, one for each encoder and list of texts.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

VERSION = 1  # version of the features, to be increased when the same texts get different features
LIMIT = 2 << 30  # bytes of all files together, at most; the least recently read are deleted


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recipe-framework" / "features"


def identity(folder: Path, *settings: object) -> str:
    """sha256 of a backbone's config and weights, and of the settings that its features depend on."""
    digest = hashlib.sha256(repr((VERSION, *settings)).encode())
    for path in [folder / "config.json", *sorted(folder.glob("model*.safetensors"))]:
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def cached_features(encoder: str, texts: Sequence[str], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """The features of texts, computed and stored where they are not in the cache. encoder: its `identity`.

    Where the cache cannot be written, a warning goes to stderr and the features are returned all the same.
    """
    path = cache() / f"{_key(encoder, texts)}.npy"
    try:
        features: np.ndarray = np.load(path, allow_pickle=False)
        os.utime(path)
        return features
    except (OSError, ValueError, EOFError):  # missing or damaged
        features = compute()
    try:
        _write(path, features)
        _make_room(path.parent)
    except OSError as error:
        print(f"features are not kept for the next run: {error}; XDG_CACHE_HOME= names another place", file=sys.stderr)
    return features


def holds(encoder: str, texts: Sequence[str]) -> bool:
    """Whether the cache has the features of these texts."""
    return (cache() / f"{_key(encoder, texts)}.npy").is_file()


def _key(encoder: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(encoder.encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _write(path: Path, features: np.ndarray) -> None:
    """Writes atomically, even while other processes write the same file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # texts can be guessed from their features
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, features, allow_pickle=False)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Deletes the least recently read files, so that the others have at most `LIMIT` bytes."""
    ages = sorted(((entry.stat().st_mtime, entry.stat().st_size, entry) for entry in folder.iterdir()), reverse=True)
    total = 0
    for _, size, entry in ages:
        total += size
        if total > LIMIT:
            entry.unlink(missing_ok=True)
