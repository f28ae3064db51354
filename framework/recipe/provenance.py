"""The origin of each value of a composed recipe: the command line, a file, or a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from framework.plugins import load_plugins
from framework.recipe.automatic import AUTO
from framework.recipe.candidates import BACKBONES, SHORT
from framework.recipe.compose import for_compose, hydra_started

DEFAULT = "default"
COMMAND_LINE = "command line"


def origins(recipe: str, overrides: Sequence[str]) -> dict[str, str]:
    """The origin of each key, for the user: "command line", a file of the recipe, or a default of the framework or a plugin.

    Raises InputError as `for_compose` does.
    """
    origin_by_key: dict[str, str] = {}
    arguments = for_compose([f"recipe={recipe}", *overrides])
    with hydra_started():
        loader: Any = GlobalHydra.instance().config_loader()
        for entry in loader.compute_defaults_list("config", arguments, RunMode.RUN).defaults:
            loaded = loader.repository.load_config(entry.config_path)
            if loaded is None or loaded.config is None or entry.config_path.startswith("hydra/"):
                continue
            name = _source(entry.config_path, loaded.path)
            prefix = f"{entry.package}." if entry.package else ""
            origin_by_key |= {f"{prefix}{key}": name for key in _leaves(loaded.config)}
    implied = f"recipe={AUTO}" if recipe == AUTO else COMMAND_LINE
    written = {override.partition("=")[0] for override in overrides}
    written |= {f"{SHORT}{BACKBONES}"} if BACKBONES in written else set()
    for override in OverridesParser.create().parse_overrides(arguments):
        key = override.key_or_group
        origin_by_key[key] = COMMAND_LINE if {key, f"{SHORT}{key.rpartition('.')[2]}"} & written else implied
    return origin_by_key


def origin_of(key: str, origin_by_key: Mapping[str, str]) -> str:
    """The origin of a key: its own, else that of the innermost section around the key that was set as a whole, else `DEFAULT`.

    origin_by_key: see `origins`.
    """
    while key not in origin_by_key and "." in key:
        key = key.rpartition(".")[0]
    return origin_by_key.get(key, DEFAULT)


def _source(config_path: str, where: str) -> str:
    group, _, name = config_path.partition("/")
    if where.startswith("structured://"):
        plugins = load_plugins()
        owner = plugins.origin.get(f"task {name}" if group == "task" else f"exporter {name}", "")
        return f"default of {config_path}" + (f" ({owner})" if owner else "") if name else DEFAULT
    folder = where.removeprefix("file://").removeprefix("pkg://")
    return f"{group}={name} ({_short(folder)}/{config_path}.yaml)" if name else DEFAULT


def _short(folder: str) -> str:
    here = Path.cwd()
    path = Path(folder)
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else folder


def values(config: DictConfig) -> Iterator[tuple[str, Any]]:
    """Every key and its value, in the order of the recipe, without keys whose value is None."""
    for key in _leaves(config):
        value = OmegaConf.select(config, key)
        if value is not None:
            yield key, value


def _leaves(config: Any, prefix: str = "") -> Iterator[str]:
    for key in config:
        if OmegaConf.is_missing(config, key):
            continue
        value = config[key] if not OmegaConf.is_interpolation(config, key) else None
        if isinstance(value, DictConfig) and len(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
