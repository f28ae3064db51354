"""Hugging Face data sets: ``hf://owner/name[@revision][/config][:split]``, or ``hf://FOLDER[/config][:split]`` on disk.

The library `datasets` tells which files belong to a split and what integer labels stand for. The framework reads the files
itself, because the CSV reader of `datasets` changes values (``007``, ``NA``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from framework.contracts.message import message
from framework.data.sources import HUB, File
from framework.errors import FrameworkError, InputError, nearest

SYNTAX = "write hf://owner/name, hf://owner/name@revision/config:split, or hf://./folder for one on disk"
ALIASES = {"validation": ("validation", "valid", "val", "dev"), "test": ("test",), "train": ("train",)}
_ON_HUB = re.compile(
    r"(?P<place>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:convert|pr)/[\w.-]+|[^/:@]+))?(?:/(?P<config>[^/:@]+))?(?::(?P<split>[\w.-]+))?"
)
_ON_DISK = re.compile(r"(?P<place>[/.~].*?)(?::(?P<split>[\w.-]+))?")


class Address(NamedTuple):
    """The parts of an address of a data set; None: left to the default."""

    place: str
    """``owner/name``, or a folder on disk."""
    config: str | None
    revision: str | None
    split: str | None


def parse(address: str) -> Address:
    """The parts of an address ``hf://...``. Raises InputError for bad syntax, and for a folder that does not exist."""
    rest = address.removeprefix(HUB)
    on_hub = None if rest[:1] in ("/", ".", "~") else _ON_HUB.fullmatch(rest)
    if on_hub:
        return Address(on_hub["place"], on_hub["config"], on_hub["revision"], on_hub["split"])
    on_disk = _ON_DISK.fullmatch(rest)
    if not on_disk:
        raise InputError(f"{address} is no address of a data set; {SYNTAX}")
    folder = Path(on_disk["place"]).expanduser()
    if folder.is_dir():
        return Address(str(folder), None, None, on_disk["split"])
    if folder.parent.is_dir() and not folder.exists():
        return Address(str(folder.parent), folder.name, None, on_disk["split"])
    raise InputError(f"{address}: {folder} is no folder; {SYNTAX}")


def splits_of(address: str) -> dict[str, str]:
    """Addresses of a data set's train, validation and test splits, by these names, as far as the data set has them.

    Raises InputError where the data set does not exist, FrameworkError where the hub cannot be reached.
    """
    names = _split_names(parse(address))
    matches = {name: [alias for alias in aliases if alias in names] for name, aliases in ALIASES.items()}
    return {name: f"{address}:{aliases[0]}" for name, aliases in matches.items() if aliases}


def open_split(address: str, say: Callable[[str], None]) -> list[File]:
    """The files of one split, train unless the address names another, fetched into the Hugging Face cache where necessary.

    say: takes notes on the chosen configuration and revision. Raises InputError where the data set or the split does not exist,
    FrameworkError where the hub cannot be reached.
    """
    wanted = parse(address)
    split = wanted.split or "train"
    builder = _builder(wanted._replace(split=None))
    if split not in _split_names(wanted):
        raise InputError(f"{address} has no split {split!r}; {nearest(split, _split_names(wanted), 'its splits')}")
    others = [name for name in getattr(builder, "builder_configs", {}) if name != builder.config.name]
    if others and wanted.config is None:
        say(
            message(
                "{address} was read in its configuration {used!r}; hf://owner/name/CONFIG chooses {others}",
                address=address,
                used=builder.config.name,
                others=", ".join(others),
            )
        )
    names = _classes(builder.info.features)
    return [File(_fetch(address, str(file), say), names) for file in builder.config.data_files[split]]


def _split_names(address: Address) -> list[str]:
    return [str(name) for name in _builder(address._replace(split=None)).config.data_files]


def _classes(features: Mapping[str, Any] | None) -> dict[str, Sequence[str]]:
    """Column -> class names, of the features that are `datasets.ClassLabel`."""
    return {name: list(kind.names) for name, kind in (features or {}).items() if type(kind).__name__ == "ClassLabel"}


@cache
def _builder(address: Address) -> Any:
    """The `DatasetBuilder` of a data set, which describes the data set without its rows; without a network, that of the cached
    files. Raises InputError for a data set that does not exist or has no files of rows, FrameworkError where `datasets` is not
    installed, and where the hub cannot be reached and no files are cached.
    """
    try:
        import datasets
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        raise FrameworkError("Hugging Face data sets need datasets: pip install 'recipe-framework[train]'") from error
    short = f"hf://{address.place}"
    try:
        try:
            builder = datasets.load_dataset_builder(address.place, address.config, revision=address.revision)
        except ConnectionError:
            folder = snapshot_download(address.place, repo_type="dataset", revision=address.revision, local_files_only=True)
            builder = datasets.load_dataset_builder(folder, address.config)
    except LocalEntryNotFoundError as error:
        raise FrameworkError(
            f"{short}: the Hugging Face hub cannot be reached and the data set was not fetched before; "
            "connect, or name a copy on disk with hf://./folder"
        ) from error
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        raise InputError(f"{short}: {_first_line(error)}; {SYNTAX}") from error
    if not getattr(builder.config, "data_files", None):
        raise InputError(f"{short} holds no files of rows that can be read")
    return builder


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _fetch(address: str, file: str, say: Callable[[str], None]) -> Path:
    """The local path of a data set's file. Raises InputError for a file that lies neither on disk nor on the hub."""
    from huggingface_hub import HfFileSystem, hf_hub_download

    if "://" not in file:
        return Path(file)
    if not file.startswith(HUB):
        raise InputError(f"{address}: its rows lie elsewhere, {file}; fetch them and name the files")
    remote: Any = HfFileSystem().resolve_path(file)
    say(
        message(
            "{address} is at revision {revision}; hf://owner/name@revision keeps it there",
            address=address,
            revision=remote.revision,
        )
    )
    return Path(hf_hub_download(remote.repo_id, remote.path_in_repo, repo_type="dataset", revision=remote.revision))
