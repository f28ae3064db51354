"""Backbones that a team keeps as zip files in one folder: ``model.name=shelf://NAME``."""

import hashlib
import os
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from framework import BackboneSource, InputError


class Shelf(BackboneSource):
    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        shelf = Path(os.environ.get("ACME_SHELF", "shelf"))
        file = shelf / f"{name.removeprefix('shelf://')}.zip"
        if not file.is_file():
            raise InputError(f"model.name={name}: no file {file}; ACME_SHELF= names the folder")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if sha256 not in (None, digest):
            raise InputError(f"{file} has sha256 {digest}, the recipe pins {sha256}; take the file that is meant")
        folder = shelf / "unpacked" / digest
        if not folder.is_dir():
            folder.parent.mkdir(exist_ok=True)
            with TemporaryDirectory(dir=shelf) as unfinished:
                zipfile.ZipFile(file).extractall(f"{unfinished}/model")
                Path(unfinished, "model").rename(folder)
        return folder
