"""Addresses of files: a path, a glob, a list of them, ``package://distribution/path`` (never imported), ``hf://owner/name``."""

from __future__ import annotations

import glob
import importlib.metadata
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.data.formats.sniffing import folder_hint
from framework.errors import FrameworkError, InputError, some

PACKAGE = "package://"
HUB = "hf://"


class NotInstalledError(FrameworkError):
    """way: what pip is told to get the distribution; None: the extra that lists it, else its name."""

    def __init__(self, address: str, name: str, way: str | None = None) -> None:
        self.address, self.name = address, name
        super().__init__(f"{address}: the distribution {name} is not installed: pip install {way or _bringing(name)}")


@dataclass(frozen=True)
class File:
    """classes: for columns that hold integers in place of names, the names in their order."""

    path: Path
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def addresses(value: Any) -> list[str]:
    """The addresses that a setting names: one, or a list. Raises InputError for anything else."""
    values = [value] if isinstance(value, str | int | float | Path) and not isinstance(value, bool) else value
    if isinstance(values, bool | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{value} is neither a file nor a list of files, [a.csv,b.csv]")
    return [str(one) for one in values]


def check_addresses(value: Any) -> None:
    """Raises InputError for what is certainly wrong; asks no network."""
    from framework.data.hub import parse

    for address in addresses(value):
        if address.startswith(HUB):
            parse(address)
        else:
            for path in _matching(address):
                if path.is_dir():
                    raise InputError(folder_hint(path))


def locate_all(value: Any, say: Callable[[str], None] = lambda _: None) -> list[File]:
    """Every file that a setting names, each once; those of a glob in the order of their names."""
    from framework.data.hub import open_split

    found: dict[Path, File] = {}
    for address in addresses(value):
        files = open_split(address, say) if address.startswith(HUB) else list(map(File, _matching(address)))
        found |= {file.path.resolve(): file for file in files if file.path.resolve() not in found}
    return list(found.values())


def _matching(address: str) -> list[Path]:
    if not glob.has_magic(address) or (not address.startswith(PACKAGE) and _path(address).exists()):
        return [locate(address)]
    if address.startswith(PACKAGE):
        root, inside = _installed(address)
        pattern = f"{glob.escape(str(root))}/{inside}"
    else:
        pattern = str(_path(address))
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207, ** and absolute ones in one
    paths = [path for path in map(Path, names) if path.is_file()]
    if not paths:
        if address.startswith(PACKAGE):
            raise _not_installed(address)
        beside = _beside(_path(address))
        raise InputError(f"no file matches {address}{beside}")
    return paths


def locate(address: str) -> Path:
    """The local path of an address. Raises when the distribution is not installed or the path does not exist."""
    if not address.startswith(PACKAGE):
        path = _path(address)
        if not path.exists():
            several = f"; several files are a list: [{address}]" if "," in address else ""
            raise InputError(f"no file {address}{several}{_beside(path)}")
        return path
    root, inside = _installed(address)
    if not (root / inside).exists():
        raise _not_installed(address)
    return root / inside


def _path(address: str) -> Path:
    """A file may have a name that begins with ~; otherwise that is somebody's home."""
    path = Path(address)
    try:
        return path if path.exists() else path.expanduser()
    except RuntimeError:  # nobody has such a home
        return path


def _installed(address: str) -> tuple[Path, str]:
    """Where a distribution is installed, and the rest of the address. Raises when it is not installed."""
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalledError(address, name) from error
    return Path(str(distribution.locate_file(""))), inside


def _not_installed(address: str) -> FrameworkError:
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    return FrameworkError(f"{address}: {name} {importlib.metadata.version(name)} has no {inside}")


def _bringing(name: str) -> str:
    """What pip is told to get a distribution: the extra of this framework that lists it, else itself."""
    for requirement in importlib.metadata.requires("recipe-framework") or ():
        listed = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)", requirement)
        if listed and listed[1] == name:
            return f"'recipe-framework[{listed[2]}]'"
    return name


def _beside(path: Path) -> str:
    """What lies where a missing file was looked for, for a message."""
    names = sorted(p.name for p in path.parent.glob("*" + path.suffix)) if path.parent.is_dir() else []
    return f"; files there: {some(names, quoted=False, most=8)}" if names else ""
