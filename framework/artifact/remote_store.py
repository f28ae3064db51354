"""Keeps the files of a registry at an address that fsspec opens, such as s3:// or gs://."""

from __future__ import annotations

import inspect
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from framework.artifact.manifest import MANIFEST, read_manifest
from framework.artifact.stores import ARTIFACTS
from framework.artifact.verification import verify
from framework.errors import FrameworkError, InputError


class RemoteStore:
    """A `Store` over fsspec. Artifacts are fetched into a local cache, by version, and verified there.

    `exclusive` is True for filesystems with conditional writes (s3fs, gcsfs and others), which override ``pipe_file`` with a
    method that takes ``mode="create"``. The ``pipe_file`` of fsspec itself first looks whether the file exists and then writes,
    so that two writers may both find no file.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.filesystem, self.root = _open_filesystem(self.address)

    @property
    def exclusive(self) -> bool:
        from fsspec.asyn import AsyncFileSystem
        from fsspec.spec import AbstractFileSystem

        kind = type(self.filesystem)
        for name, base in (("_pipe_file", AsyncFileSystem), ("pipe_file", AbstractFileSystem)):
            method = getattr(kind, name, None)
            if method is not None and method is not getattr(base, name):
                return "mode" in inspect.signature(method).parameters
        return False

    def names(self, folder: str) -> list[str]:
        place = f"{self.root}/{folder}"
        try:
            self.filesystem.invalidate_cache(place)
            listed = self.filesystem.ls(place, detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._failure("read", error) from error
        names = (str(path).rstrip("/").rpartition("/")[2] for path in listed)
        return sorted(name for name in names if name and not name.startswith("."))

    def read(self, path: str) -> bytes:
        try:
            content: bytes = self.filesystem.cat_file(f"{self.root}/{path}")
        except Exception as error:
            raise self._failure("read", error) from error
        return content

    def create(self, path: str, content: bytes) -> None:
        place = f"{self.root}/{path}"
        try:
            self.filesystem.makedirs(place.rpartition("/")[0], exist_ok=True)
            self.filesystem.pipe_file(place, content, mode="create")
        except FileExistsError:
            raise
        except Exception as error:
            if "PreconditionFailed" in f"{type(error).__name__}{error}" or " 412" in str(error):
                raise FileExistsError(place) from error
            raise self._failure("written", error) from error

    def keep(self, artifact: Path, version: str) -> None:
        """Copies an artifact to ``artifacts/VERSION``, unless a complete copy is there.

        No lock is needed: writers of one version write equal files. The manifest is written last and marks a complete copy.
        """
        target = f"{self.root}/{ARTIFACTS}/{version}"
        try:
            if self.filesystem.exists(f"{target}/{MANIFEST}"):
                return
            for name in (*read_manifest(artifact).files, MANIFEST):
                self.filesystem.makedirs(f"{target}/{name}".rpartition("/")[0], exist_ok=True)
                self.filesystem.put_file(str(artifact / name), f"{target}/{name}")
        except Exception as error:
            raise self._failure("written", error) from error

    def fetch(self, version: str) -> Path:
        final = _cache() / version
        if final.is_dir():
            return final
        source, unfinished = f"{self.root}/{ARTIFACTS}/{version}", final.with_name(f".{version}-{uuid.uuid4().hex}")
        unfinished.mkdir(parents=True)
        try:
            self._fetch_files(source, unfinished)
            verify(unfinished)
            if not final.exists():
                unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return final

    def _fetch_files(self, source: str, target: Path) -> None:
        try:
            self.filesystem.get_file(f"{source}/{MANIFEST}", str(target / MANIFEST))
            for name in read_manifest(target).files:
                path = target / name
                if not path.resolve().is_relative_to(target.resolve()):
                    raise InputError(f"{source}/{MANIFEST} names {name}, which is outside the artifact")
                path.parent.mkdir(parents=True, exist_ok=True)
                self.filesystem.get_file(f"{source}/{name}", str(path))
        except FileNotFoundError as error:
            raise InputError(f"{source} is missing, or a file of it: the registry was copied in part") from error
        except InputError:
            raise
        except Exception as error:
            raise self._failure("read", error) from error

    def _failure(self, action: str, error: Exception) -> FrameworkError:
        """The error to raise. action: "read" or "written". error: what fsspec raised."""
        return FrameworkError(f"the registry {self.address} cannot be {action}: {type(error).__name__}: {error}")


def _open_filesystem(address: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise FrameworkError(f"{address} needs fsspec: pip install fsspec, and what opens the address, such as s3fs") from error
    try:
        filesystem, root = url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise InputError(f"{address} cannot be opened: {error}") from error
    return filesystem, str(root).rstrip("/")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "recipe-framework" / "artifacts"
