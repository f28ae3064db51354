"""The unsealed folder in which a run makes an artifact."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path

from framework.artifact.manifest import MANIFEST, RESOURCES, Manifest, SealedFile, seal_of, sha256
from framework.contracts.plain import to_plain


class Draft:
    """An artifact before it has its final path: a hidden folder beside that path, which is emptied first."""

    def __init__(self, final: Path) -> None:
        self.final = final
        self.replaced: Path | None = None  # where `publish` moved an earlier artifact, if there was one
        self.folder = final.with_name(f".{final.name}-unfinished")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    @property
    def resources(self) -> Path:
        return self.folder / RESOURCES

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def seal(self, manifest: Manifest) -> None:
        """Writes the manifest, with the checksum of every file in the folder, and with the seal over the manifest."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        files = {path.relative_to(self.folder).as_posix(): SealedFile(path.stat().st_size, sha256(path)) for path in paths}
        content = to_plain(replace(manifest, files=files))
        content["seal"] = seal_of(content)
        (self.folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")

    def publish(self) -> Path:
        """Renames the sealed folder to the final path and returns that. An earlier artifact becomes NAME-1, NAME-2, ..."""
        if not self.final.exists():
            return self.folder.rename(self.final)
        names = (self.final.with_name(f"{self.final.name}-{number}") for number in count(1))
        self.replaced = next(path for path in names if not path.exists())
        self.final.rename(self.replaced)
        try:
            return self.folder.rename(self.final)
        except BaseException:
            self.replaced.rename(self.final)
            raise
