"""A cache on disk for features of frozen encoders, shared by all runs. No torch.

Files: ``$XDG_CACHE_HOME/recipe-framework/features/SHA256.npy``, one for each encoder and list of texts; and ``SHA256.npz``, one
for each encoder, which grows by the features of single tokens.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np

from framework_text.sources.checksums import checksum

READ = ("*.json", "*.txt", "*.model", "model*.safetensors")  # files of a backbone: config, tokenizer, weights
VERSION = 2  # version of the features, to be increased when the same texts get different features
LIMIT = 2 << 30  # bytes of all files together, at most; the least recently read are deleted


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recipe-framework" / "features"


def identity(folder: Path, *settings: object) -> str:
    """sha256 of a backbone's config, tokenizer and weights, and of the settings that its features depend on."""
    digest = hashlib.sha256(repr((VERSION, *settings)).encode())
    for path in sorted({path for pattern in READ for path in folder.glob(pattern)}):
        digest.update(checksum(path).encode())
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
    _store(path, lambda stream: np.save(stream, features, allow_pickle=False))
    return features


def holds(encoder: str, texts: Sequence[str]) -> bool:
    """Whether the cache has the features of these texts."""
    return (cache() / f"{_key(encoder, texts)}.npy").is_file()


def stored_tokens(encoder: str) -> dict[str, np.ndarray]:
    """The features of each token that the cache has, float16 (features,), by the token's text. encoder: its `identity`."""
    path = cache() / f"{encoder}.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            features = dict(zip(file["tokens"].tolist(), file["features"], strict=True))
        os.utime(path)
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):  # missing or damaged
        return {}
    return features


def store_tokens(encoder: str, features: dict[str, np.ndarray]) -> None:
    """Stores features of tokens, float16 (features,), for `stored_tokens`, in place of those that were stored before.

    Where the cache cannot be written, a warning goes to stderr.
    """
    arrays = {"tokens": np.array(list(features)), "features": np.stack(list(features.values()))}
    _store(cache() / f"{encoder}.npz", lambda stream: np.savez(stream, allow_pickle=False, **arrays))


def _store(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    try:
        _write(path, write)
        _make_room(path.parent)
    except OSError as error:
        print(f"features are not kept for the next run: {error}; XDG_CACHE_HOME= names another place", file=sys.stderr)


def _key(encoder: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(encoder.encode())
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def _write(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Writes atomically, even while other processes write the same file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # texts can be guessed from their features
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".unfinished")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
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
