"""Backbones in GGUF files, also where pip brought them in parts: found, checked, and converted once into a cache folder.

torch, transformers and the library `gguf` are imported for the conversion alone.
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
from framework_text.sources.conversion import cache, once

PREFIX = "gguf://"  # gguf://DISTRIBUTION
PART = re.compile(r"(?P<name>[^/]+\.gguf)(?:\.part(?P<number>\d+))?")
FAMILIES = {"gemma3": "gemma3_text"}  # where transformers calls an architecture otherwise
BLOCK = 1 << 20
FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}  # types of metadata
TEXT, ARRAY = 8, 9
LONGEST = 1 << 20  # bytes of a text in the metadata
CONVERTING = Lock()  # while transformers' way to read a header is another one


class Gguf(BackboneSource):
    """``gguf://DISTRIBUTION``, or a .gguf file. sha256: of the whole file."""

    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        return converted(name, sha256)

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        return config_of(name)

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        return wrong_checksum(name, sha256)


def is_gguf(name: str) -> bool:
    return name.startswith(PREFIX) or name.endswith(".gguf")


def find(name: str) -> list[Path]:
    """The file of ``./model.gguf``, or of ``gguf://DISTRIBUTION`` the parts of the one that it brings, in their order.

    Parts, ``NAME.gguf.part00``, lie in the distribution or in those that it requires; none is imported.
    """
    if name.startswith(PREFIX):
        return _parts(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(f"model.name={name}: no such file")
    return [path]


def _parts(name: str) -> list[Path]:
    found: dict[str, dict[int, Path]] = {}
    for distribution in _with_required(name.removeprefix(PREFIX)):
        record = distribution.read_text("RECORD") or ""  # `files` leaves out what is gone, in newer versions of Python
        for file, *_ in csv.reader(record.splitlines()):
            if part := PART.fullmatch(Path(file).name):
                found.setdefault(part["name"], {})[int(part["number"] or 0)] = Path(str(distribution.locate_file(file)))
    if len(found) != 1:
        raise FrameworkError(f"model.name={name}: it brings {', '.join(sorted(found)) or 'no file'}, and one .gguf is expected")
    ((file_name, numbered),) = found.items()
    order = sorted(numbered)
    gone = [path for path in numbered.values() if not path.is_file()]
    if gone or order[0] > 1 or order[-1] - order[0] >= len(order):
        raise FrameworkError(
            f"model.name={name}: of the parts of {file_name}, {gone[0].name if gone else 'some'} is missing; install it again"
        )
    return [numbered[number] for number in order]


def _with_required(name: str) -> Iterator[importlib.metadata.Distribution]:
    locate(f"package://{name}/")  # says what to install
    distribution = importlib.metadata.distribution(name)
    yield distribution
    for requirement in distribution.requires or ():
        required = re.match(r"[\w.-]+", requirement)
        if required and "extra ==" not in requirement:
            locate(f"package://{required[0]}/")
            yield importlib.metadata.distribution(required[0])


def config_of(name: str) -> dict[str, Any]:
    """What a config.json would say: `model_type`, and `max_position_embeddings` where it is known."""
    path = find(name)[0]
    wanted = ("general.architecture", ".context_length")
    found: dict[str, Any] = {}
    try:
        with path.open("rb") as stream:
            for key, value in _metadata(stream):
                found |= {end: value for end in wanted if key.endswith(end)}
                if len(found) == len(wanted):
                    break
    except (struct.error, ValueError) as error:
        if wanted[0] not in found:
            raise InputError(f"{path} is no GGUF file that can be read: {error}") from error
    architecture = found.get(wanted[0])
    return {
        "model_type": FAMILIES.get(str(architecture), architecture),
        "max_position_embeddings": found.get(wanted[1]),
    }


def _metadata(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Keys and values of a GGUF header; arrays are passed over. Raises ValueError and struct.error for other files.

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


def wrong_checksum(name: str, expected: str | None, found: str | None = None) -> list[str]:
    """found: the checksum, where it was computed already."""
    if expected is None or (found := found or checksum(find(name))) == expected:
        return []
    return [f"{name} has sha256 {found}, the recipe pins {expected}; correct model.sha256 or the file"]


def checksum(paths: Sequence[Path]) -> str:
    """sha256 of the whole file."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def folder_of(name: str) -> Path:
    """Where `converted` leaves what it makes."""
    return cache("gguf") / checksum(find(name))


def converted(name: str, sha256: str | None = None) -> Path:
    """The folder that `save_pretrained` wrote of a GGUF file, in the cache: made where it is not there yet.

    It lies at ``$XDG_CACHE_HOME/recipe-framework/gguf/SHA256``.
    """
    paths = find(name)
    found = checksum(paths)
    if problems := wrong_checksum(name, sha256, found):
        raise InputError(*problems)
    folder = cache("gguf") / found
    lacking = [library for library in ("gguf", "accelerate") if importlib.util.find_spec(library) is None]
    if lacking and not folder.is_dir():
        raise FrameworkError(
            f"model.name={name}: GGUF files are read by {lacking[0]}, which is not installed: "
            "pip install 'recipe-framework[generation]'"
        )
    return once(name, folder, lambda place: _convert(paths, place))


def _convert(paths: Sequence[Path], folder: Path) -> None:
    joined = folder / "model.gguf"
    with joined.open("wb") as whole:
        for path in paths:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole, BLOCK)
    _save(joined, folder)
    joined.unlink()


def _save(file: Path, folder: Path) -> None:
    """The weights in fp32, exactly as they were quantized, and the tokenizer."""
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.disable_progress_bar()
    place, name = str(folder), str(file)  # the whole path: a name alone would be sought in the working directory first
    # transformers reads the file for the tokenizer, the config and the weights; its header, a token at a time, takes longest
    with CONVERTING, patch.object(gguf, "GGUFReader", lru_cache(maxsize=1)(gguf.GGUFReader)):
        AutoTokenizer.from_pretrained(place, gguf_file=name).save_pretrained(folder)
        found: Any = AutoModelForCausalLM.from_pretrained(place, gguf_file=name, dtype=torch.float32, output_loading_info=True)
    model, loaded = found
    if random := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(random)} weights are missing, such as {random[0]}")
    del model.config.quantization_config
    plain = type(model)(model.config)  # the one that was read does not save
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
