"""Backbones in folders, as ``save_pretrained`` writes them: on this machine, or in an installed distribution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import BackboneSource, InputError, locate
from framework_text.sources.checksums import checksum

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
ADAPTER = "adapter_config.json"  # written by peft in place of config.json
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.ckpt")


class Folder(BackboneSource):
    """``./FOLDER``, ``file:///FOLDER`` and ``package://DISTRIBUTION/FOLDER``, whose distribution is not imported."""

    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        folder = _folder(name)
        check(name, folder, sha256)
        return folder

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        return config_in(name, _folder(name))

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        folder = _folder(name)
        return missing_files(name, folder) or checksum_problems(folder, sha256)


def _folder(name: str) -> Path:
    if name.startswith("package://"):
        return locate(name)
    path = Path(name.removeprefix("file://")).expanduser()
    if not path.is_dir():
        raise InputError(f"model.name={name}: no such folder")
    return path


def check(name: str, folder: Path, sha256: str | None) -> None:
    """Raises InputError where files are missing or broken, or the weights do not have the checksum `sha256`; None: any."""
    problems = missing_files(name, folder) or checksum_problems(folder, sha256)
    if problems:
        raise InputError(*problems)


def config_in(name: str, folder: Path) -> dict[str, Any]:
    """A folder's config.json. Raises InputError where the file is missing or broken."""
    path = folder / "config.json"
    if not path.exists() and (folder / ADAPTER).exists():
        raise InputError(
            f"model.name={name} is an adapter alone ({ADAPTER}), without the model it belongs to; merge them first: "
            "PeftModel.from_pretrained(BASE, ADAPTER).merge_and_unload().save_pretrained(FOLDER)"
        )
    if not path.exists():
        raise InputError(f"model.name={name} has no config.json; it must be a folder that save_pretrained wrote")
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file. Raises InputError for anything else."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold a JSON object, as save_pretrained writes it")
    return config


def missing_files(name: str, folder: Path) -> list[str]:
    problems = []
    if not any((folder / file).exists() for file in TOKENIZER_FILES):
        problems.append(
            f"model.name={name} has no tokenizer ({TOKENIZER_FILES[0]}); save it beside the weights: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER)"
        )
    if not any((folder / file).exists() for file in ("model.safetensors", "model.safetensors.index.json")):
        pickles = [file for file in PICKLES if (folder / file).exists()]
        weights = f"only {', '.join(pickles)}, a pickle, which can run code when read" if pickles else "no weights"
        problems.append(
            f"model.name={name} has {weights}; it needs model.safetensors: "
            "AutoModel.from_pretrained(...).save_pretrained(FOLDER) writes it"
        )
    return [*problems, *_broken_weights(folder)]


def _broken_weights(folder: Path) -> list[str]:
    """A problem for the first weight file that is truncated or not in safetensors format, by its header."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.glob("model*.safetensors")):
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            return [f"{folder}: its weights cannot be loaded: {path.name}: {first_line(error)}"]
    return []


def checksum_problems(folder: Path, expected: str | None) -> list[str]:
    if expected is None:
        return []
    path = folder / "model.safetensors"
    if not path.exists():
        return [f"model.sha256 pins {path.name}, and {folder} has its weights in several files"]
    actual = checksum(path)
    if actual == expected:
        return []
    return [f"{path} has sha256 {actual}, the recipe pins {expected}; correct model.sha256 or the file"]


def first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
