"""Finds plugins by entry point and asks their hooks what they bring."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from framework import hookspecs
from framework.contracts.exporter import Exporter
from framework.contracts.task import Task
from framework.contracts.tracker import Tracker
from framework.errors import FrameworkError, InputError, nearest


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be imported, and why."""

    name: str
    distribution: str
    reason: str

    def __str__(self) -> str:
        return f"plugin {self.name} of {self.distribution} cannot be used: {self.reason}"


@dataclass
class Plugins:
    """What the installed plugins bring, by name, and which distribution each thing came from."""

    tasks: dict[str, Task] = field(default_factory=dict)
    exporters: dict[str, Exporter] = field(default_factory=dict)
    trackers: dict[str, Tracker] = field(default_factory=dict)
    recipes: dict[str, str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def task(self, name: str) -> Task:
        return self._find("task", name, self.tasks)

    def exporter(self, name: str) -> Exporter:
        return self._find("exporter", name, self.exporters)

    def tracker(self, name: str) -> Tracker:
        return self._find("tracker", name, self.trackers)

    def _find(self, kind: str, name: str, known: Mapping[str, T]) -> T:
        if name not in known:
            broken = "".join(f"\n{plugin}" for plugin in self.broken)
            raise InputError(f"no {kind} {name!r}; {nearest(name, known)}{broken}")
        return known[name]

    def add(self, kind: str, distribution: str, item: Any) -> None:
        """Registers one thing. Raises FrameworkError when the name is taken."""
        name = item if isinstance(item, str) else item.name
        registries: dict[str, dict[str, Any]] = {
            "task": self.tasks,
            "exporter": self.exporters,
            "tracker": self.trackers,
            "recipes": self.recipes,
        }
        known = registries[kind]
        if name in known:
            owner = self.origin[f"{kind} {name}"]
            raise FrameworkError(f"{kind} {name!r} is registered twice: by {owner} and by {distribution}; remove one")
        known[name] = item
        self.origin[f"{kind} {name}"] = distribution


T = TypeVar("T")


def resolve(path: str) -> Any:
    """``"module:attribute"`` -> the attribute. Raises FrameworkError naming what is not installed or not there."""
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        extra = "; pip install 'recipe-framework[train]' brings what training needs"
        raise FrameworkError(f"{path} needs {error.name}, which is not installed{extra}") from error
    except AttributeError as error:
        raise FrameworkError(f"the plugin that names {path} is wrong: {error}") from error


def load_plugins() -> Plugins:
    """Every installed plugin, asked once a process. One that cannot be imported is recorded and the rest go on."""
    return _load()


@lru_cache(maxsize=1)
def _load() -> Plugins:
    found = Plugins()
    manager = pluggy.PluginManager("framework")
    manager.add_hookspecs(hookspecs)
    for entry in sorted(entry_points(group=hookspecs.GROUP), key=_ours_first):
        distribution = _distribution(entry)
        name = f"{distribution}: {entry.name}"
        try:
            manager.register(entry.load(), name=name)
            manager.check_pending()
            for hook, kind in _hooks():
                others = [plugin for other, plugin in manager.list_name_plugin() if other != name and plugin]
                manager.subset_hook_caller(hook, others)(register=partial(found.add, kind, distribution))
        except Exception as error:  # whatever a stranger's module raises must not stop the others
            if manager.has_plugin(name):
                manager.unregister(name=name)
            found.broken.append(Broken(entry.name, distribution, f"{type(error).__name__}: {error}"))
    return found


def _ours_first(entry: EntryPoint) -> tuple[bool, str]:
    """In this order a stranger cannot take a name of the framework's own plugins."""
    return _distribution(entry).split(" ")[0] != "recipe-framework", entry.name


def _hooks() -> Iterator[tuple[str, str]]:
    yield "register_tasks", "task"
    yield "register_exporters", "exporter"
    yield "register_trackers", "tracker"
    yield "register_recipes", "recipes"


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
