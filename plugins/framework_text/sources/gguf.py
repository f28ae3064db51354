"""Backbones in GGUF files, including files that pip installs in parts: found, checked, and converted once into a cache.

Only the conversion imports torch, transformers and the library `gguf`.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO
from unittest.mock import patch

from framework import BackboneSource, FrameworkError, InputError, locate
from framework_text.sources.conversion import cache_folder, convert_once

PREFIX = "gguf://"  # gguf://DISTRIBUTION
PART = re.compile(r"(?P<name>[^/]+\.gguf)(?:\.part(?P<number>\d+))?")
FAMILIES = {"gemma3": "gemma3_text"}  # architectures with another name in transformers
BLOCK = 1 << 20
FIXED = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}  # struct formats by type of metadata
TEXT, ARRAY = 8, 9
LONGEST = 1 << 20  # bytes of a text in the metadata, at most
CONVERTING = Lock()  # held while the GGUF reader of transformers is patched


class Gguf(BackboneSource):
    """``gguf://DISTRIBUTION``, or a .gguf file. sha256: of the file, all parts concatenated."""

    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        return converted_folder(name, sha256)

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        return config_of(name)

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        return checksum_problems(name, sha256)


def is_gguf(name: str) -> bool:
    return name.startswith(PREFIX) or name.endswith(".gguf")


def find(name: str) -> list[Path]:
    """The files of an address: the .gguf file itself, or, for a distribution, the parts of the one .gguf file in it, in order.

    Parts, ``NAME.gguf.part00``, lie in the distribution or in those it requires; none of them is imported. Raises InputError
    where the file does not exist, FrameworkError where a distribution or a part is missing.
    """
    if name.startswith(PREFIX):
        return _parts(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"model.name={name}: no such file")
    return [path]


def _parts(name: str) -> list[Path]:
    files: dict[str, dict[int, Path]] = {}
    for distribution in _with_required(name.removeprefix(PREFIX)):
        record = distribution.read_text("RECORD") or ""  # newer versions of Python omit missing files from `files`
        for file, *_ in csv.reader(record.splitlines()):
            if part := PART.fullmatch(Path(file).name):
                files.setdefault(part["name"], {})[int(part["number"] or 0)] = Path(str(distribution.locate_file(file)))
    if len(files) != 1:
        raise FrameworkError(f"model.name={name}: it brings {', '.join(sorted(files)) or 'no file'}, and one .gguf is expected")
    ((file_name, numbered),) = files.items()
    order = sorted(numbered)
    lost = [path for path in numbered.values() if not path.is_file()]
    if lost or order[0] > 1 or order[-1] - order[0] >= len(order):
        raise FrameworkError(
            f"model.name={name}: of the parts of {file_name}, {lost[0].name if lost else 'some'} is missing; install it again"
        )
    return [numbered[number] for number in order]


def _with_required(name: str) -> Iterator[importlib.metadata.Distribution]:
    locate(f"package://{name}/")  # its error says what to install
    distribution = importlib.metadata.distribution(name)
    yield distribution
    for requirement in distribution.requires or ():
        required = re.match(r"[\w.-]+", requirement)
        if required and "extra ==" not in requirement:
            locate(f"package://{required[0]}/")
            yield importlib.metadata.distribution(required[0])


def config_of(name: str) -> dict[str, Any]:
    """`model_type` and `max_position_embeddings` as in a config.json, each None where the header lacks it.

    Raises InputError and FrameworkError as `find`, and InputError where the header cannot be read.
    """
    path = find(name)[0]
    keys = ("general.architecture", ".context_length")
    values: dict[str, Any] = {}
    try:
        with path.open("rb") as stream:
            for key, value in _metadata(stream):
                values |= {end: value for end in keys if key.endswith(end)}
                if len(values) == len(keys):
                    break
    except (struct.error, ValueError) as error:
        if keys[0] not in values:
            raise InputError(f"{path} is no GGUF file that can be read: {error}") from error
    architecture = values.get(keys[0])
    return {
        "model_type": FAMILIES.get(str(architecture), architecture),
        "max_position_embeddings": values.get(keys[1]),
    }


def _metadata(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Keys and values of a GGUF header; arrays are skipped. Raises ValueError and struct.error for other files.

    The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    if stream.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version, _, count = _unpack(stream, "IQQ")
    if version not in (2, 3):
        raise ValueError(f"its version is {version}; 2 and 3 are read")
    for _ in range(count):
        yield _text(stream), _value(stream, *_unpack(stream, "I"))


def _value(stream: BinaryIO, kind: int) -> Any:
    if kind == TEXT:
        return _text(stream)
    if kind == ARRAY:
        inner, length = _unpack(stream, "IQ")
        if inner in FIXED:
            stream.seek(length * struct.calcsize(FIXED[inner]), os.SEEK_CUR)
        else:
            for _ in range(length):
                _value(stream, inner)
        return None
    if kind not in FIXED:
        raise ValueError(f"a value of an unknown type, {kind}")
    return _unpack(stream, FIXED[kind])[0]


def _text(stream: BinaryIO) -> str:
    (length,) = _unpack(stream, "Q")
    if length > LONGEST:
        raise ValueError(f"a text of {length:,} bytes")
    return stream.read(length).decode("utf-8", errors="replace")


def _unpack(stream: BinaryIO, form: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{form}", stream.read(struct.calcsize(f"<{form}")))


def checksum_problems(name: str, expected: str | None, actual: str | None = None) -> list[str]:
    """A problem where the sha256 of a file is not the pinned one; empty where it is.

    expected: the pinned one; None: none is pinned. actual: the sha256 of the file; None: not computed yet.
    """
    if expected is None or (actual := actual or checksum(find(name))) == expected:
        return []
    return [f"{name} has sha256 {actual}, the recipe pins {expected}; correct model.sha256 or the file"]


def checksum(paths: Sequence[Path]) -> str:
    """sha256 of the parts, concatenated in their order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def folder_of(name: str) -> Path:
    """The folder that `converted_folder` returns, which need not exist yet."""
    return cache_folder("gguf") / checksum(find(name))


def converted_folder(name: str, sha256: str | None = None) -> Path:
    """The folder, as `save_pretrained` writes it, that a GGUF file is converted to: once, into a cache.

    Path: ``$XDG_CACHE_HOME/recipe-framework/gguf/SHA256``. Raises InputError where the checksum is not `sha256` (None: any),
    FrameworkError where a library for the conversion is not installed.
    """
    paths = find(name)
    actual = checksum(paths)
    if problems := checksum_problems(name, sha256, actual):
        raise InputError(*problems)
    folder = cache_folder("gguf") / actual
    missing = [library for library in ("gguf", "accelerate") if importlib.util.find_spec(library) is None]
    if missing and not folder.is_dir():
        raise FrameworkError(
            f"model.name={name}: GGUF files are read by {missing[0]}, which is not installed: "
            "pip install 'recipe-framework[generation]'"
        )
    return convert_once(name, folder, lambda place: _convert(paths, place))


def _convert(paths: Sequence[Path], folder: Path) -> None:
    joined = folder / "model.gguf"
    with joined.open("wb") as output:
        for path in paths:
            with path.open("rb") as part:
                shutil.copyfileobj(part, output, BLOCK)
    _save(joined, folder)
    joined.unlink()


def _save(file: Path, folder: Path) -> None:
    """Saves the weights, dequantized to fp32, and the tokenizer. Raises ValueError where weights are missing."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.disable_progress_bar()
    place, name = str(folder), str(file)  # a bare file name would be looked up in the working directory first
    # transformers reads the file three times, for tokenizer, config and weights; parsing its header takes longest
    with CONVERTING, patch.object(gguf, "GGUFReader", lru_cache(maxsize=1)(gguf.GGUFReader)):
        AutoTokenizer.from_pretrained(place, gguf_file=name).save_pretrained(folder)
        result: Any = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=torch.float32, output_loading_info=True)
    model, loaded = result
    if random := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(random)} weights are missing, such as {random[0]}")
    del model.config.quantization_config
    plain = type(model)(model.config)  # the loaded model refuses to save
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
