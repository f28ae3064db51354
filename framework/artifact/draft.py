"""An artifact in the making."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from framework.artifact.manifest import FORMAT, MANIFEST, RESOURCES, seal_of, sha256


class Draft:
    """An artifact in the making, in a hidden folder beside its final place; renamed when it is whole."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.kept: Path | None = None  # where the artifact went that had the final name before
        self.folder = final.with_name(f".{final.name}-unfinished")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / RESOURCES).mkdir(parents=True)

    @property
    def resources(self) -> Path:
        return self.folder / RESOURCES

    def drop(self, name: str) -> None:
        """Removes a folder that will not ship."""
        shutil.rmtree(self.folder / name)

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def seal(self, manifest: Mapping[str, Any]) -> None:
        """Writes the manifest with the checksum of every file and of itself."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        entries = {
            path.relative_to(self.folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files
        }
        content = {"format": FORMAT, **manifest, "files": entries}
        content["seal"] = seal_of(content)
        (self.folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    def publish(self) -> Path:
        """Gives the sealed folder its final name; an artifact that has it is kept as NAME-1, NAME-2, ..."""
        if not self.final.exists():
            return self.folder.rename(self.final)
        names = (self.final.with_name(f"{self.final.name}-{number}") for number in count(1))
        self.kept = next(path for path in names if not path.exists())
        self.final.rename(self.kept)
        try:
            return self.folder.rename(self.final)
        except BaseException:
            self.kept.rename(self.final)
            raise
