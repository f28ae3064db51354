"""Addresses of files: a path, a glob, ``package://distribution/path``, ``hf://owner/name``, or a list of these.

A file of a distribution is found without importing the distribution.
"""

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
    """An address names a distribution that is not installed."""

    def __init__(self, address: str, name: str, way: str | None = None) -> None:
        """way: the argument of `pip install` that brings the distribution; None: the extra that lists it, else its name."""
        self.address, self.name = address, name
        super().__init__(f"{address}: the distribution {name} is not installed: pip install {way or _pip_argument(name)}")


@dataclass(frozen=True)
class File:
    """A file of rows on this machine."""

    path: Path
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By header, the class names of each column that holds class numbers, in the order of the numbers."""


def addresses(value: Any) -> list[str]:
    """The addresses of a setting, which is one address or a list. Raises InputError for anything else."""
    values = [value] if isinstance(value, str | int | float | Path) and not isinstance(value, bool) else value
    if isinstance(values, bool | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"{value} is neither a file nor a list of files, [a.csv,b.csv]")
    return [str(value) for value in values]


def check_addresses(value: Any) -> None:
    """Raises InputError for a folder, and the errors of `locate_all` that are found without the network: data sets on the hub
    may still be missing.
    """
    from framework.data.hub import parse

    for address in addresses(value):
        if address.startswith(HUB):
            parse(address)
        else:
            for path in _matching(address):
                if path.is_dir():
                    raise InputError(folder_hint(path))


def locate_all(value: Any, say: Callable[[str], None] = lambda _: None) -> list[File]:
    """The files of a setting, each once, those of a glob sorted by name. say: takes notes on data sets from the hub.

    Raises InputError for an address that leads to no file; FrameworkError for a missing distribution, for a file that a
    distribution lacks, and where the hub cannot be reached.
    """
    from framework.data.hub import open_split

    unique: dict[Path, File] = {}
    for address in addresses(value):
        files = open_split(address, say) if address.startswith(HUB) else list(map(File, _matching(address)))
        unique |= {file.path.resolve(): file for file in files if file.path.resolve() not in unique}
    return list(unique.values())


def _matching(address: str) -> list[Path]:
    """The path of an address, or the files that its glob matches. Raises InputError where nothing matches,
    and the errors of `locate`.
    """
    if not glob.has_magic(address) or (not address.startswith(PACKAGE) and _path(address).exists()):
        return [locate(address)]
    if address.startswith(PACKAGE):
        root, inside = _installed(address)
        pattern = f"{glob.escape(str(root))}/{inside}"
    else:
        pattern = str(_path(address))
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207, Path.glob takes no absolute pattern
    paths = [path for path in map(Path, names) if path.is_file()]
    if not paths:
        if address.startswith(PACKAGE):
            raise _no_such_file(address)
        raise InputError(f"no file matches {address}{_files_beside(_path(address))}")
    return paths


def locate(address: str) -> Path:
    """The local path of an address. Raises InputError for a missing path, FrameworkError for a missing distribution and for a
    file that a distribution lacks.
    """
    if not address.startswith(PACKAGE):
        path = _path(address)
        if not path.exists():
            several = f"; several files are a list: [{address}]" if "," in address else ""
            raise InputError(f"no file {address}{several}{_files_beside(path)}")
        return path
    root, inside = _installed(address)
    if not (root / inside).exists():
        raise _no_such_file(address)
    return root / inside


def _path(address: str) -> Path:
    """The path of an address, where a leading ~ is a home directory unless a file is named so."""
    path = Path(address)
    try:
        return path if path.exists() else path.expanduser()
    except RuntimeError:  # there is no user with the name after ~
        return path


def _installed(address: str) -> tuple[Path, str]:
    """The folder where the distribution is installed, and the path within it. Raises NotInstalledError."""
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalledError(address, name) from error
    return Path(str(distribution.locate_file(""))), inside


def _no_such_file(address: str) -> FrameworkError:
    name, _, inside = address.removeprefix(PACKAGE).partition("/")
    return FrameworkError(f"{address}: {name} {importlib.metadata.version(name)} has no {inside}")


def _pip_argument(name: str) -> str:
    """The argument of `pip install` that brings a distribution: the framework's extra that lists it, else its name."""
    for requirement in importlib.metadata.requires("recipe-framework") or ():
        match = re.match(r"([\w.-]+).*extra == ['\"]([\w-]+)", requirement)
        if match and match[1] == name:
            return f"'recipe-framework[{match[2]}]'"
    return name


def _files_beside(path: Path) -> str:
    """The part of a message that lists the files with the same suffix beside a missing file; "" where there are none."""
    names = sorted(p.name for p in path.parent.glob("*" + path.suffix)) if path.parent.is_dir() else []
    return f"; files there: {some(names, quoted=False, most=8)}" if names else ""
