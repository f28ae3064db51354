"""Finds plugins by entry point, calls their hooks, and looks up what the hooks registered."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any, TypeVar

import pluggy

from framework import hookspecs
from framework.contracts.backbone import BackboneSource
from framework.contracts.candidate import Candidate
from framework.contracts.codec import Codec, CodecSpec
from framework.contracts.data.format import Format
from framework.contracts.exporter import Exporter
from framework.contracts.serving.surface import Surface
from framework.contracts.task import Task
from framework.contracts.tracker import Tracker
from framework.errors import FrameworkError, InputError, nearest

T = TypeVar("T")
NAME = re.compile(r"[a-z][a-z0-9_]*")  # a candidate's name is a key of recipes and the name of a folder
OURS = "recipe-framework"
FORMATS = {  # the formats of the framework itself: path by name
    "csv": "framework.data.formats.delimited:Csv",
    "json": "framework.data.formats.json_rows:Json",
    "yaml": "framework.data.formats.yaml_rows:Yaml",
    "parquet": "framework.data.formats.parquet:Parquet",
    "arrow": "framework.data.formats.arrow_ipc:Arrow",
}
AnyTask = Task[Any, Any]
AnyCandidate = Candidate[Any, Any, Any]


@dataclass(frozen=True)
class Broken:
    """A plugin, or a class that a plugin registered, that cannot be used."""

    name: str
    distribution: str
    """The name and version of the distribution."""
    reason: str

    def __str__(self) -> str:
        return f"plugin {self.name} of {self.distribution} cannot be used: {self.reason}"


@dataclass(eq=False)
class Plugins:
    """What the installed plugins registered. Lookups of a name that is not registered raise InputError.

    Classes are registered by the path ``"module:Class"`` and imported at their first use.
    """

    tasks: dict[str, str] = field(default_factory=dict)
    """Path of each task, by name; `codecs`, `formats` and `surfaces` are alike."""
    candidates: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """By name of the task, (path, distribution) of each candidate."""
    codecs: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    backbones: dict[str, str] = field(default_factory=dict)
    """Path of each backbone source, by scheme."""
    surfaces: dict[str, str] = field(default_factory=dict)
    exporters: dict[str, Exporter] = field(default_factory=dict)
    trackers: dict[str, Tracker] = field(default_factory=dict)
    recipes: dict[str, str] = field(default_factory=dict)
    """Hydra config roots, as keys and values."""
    messages: list[tuple[str, str, str]] = field(default_factory=list)
    """(language, address, distribution) of each message catalogue."""
    origin: dict[str, str] = field(default_factory=dict)
    """The distribution that registered ``"KIND NAME"``, such as "task classification"."""
    broken: list[Broken] = field(default_factory=list)

    def task(self, name: str) -> AnyTask:
        """The task of this name. Raises FrameworkError if the registered class is no `Task`, or has another name."""
        path = self._find("task", name, self.tasks)
        task: AnyTask = _check_name(name, path, _instance(path, Task))
        return task

    def format(self, name: str) -> Format:
        """The format of this name. Raises FrameworkError if the registered class is no `Format`, or has another name."""
        path = self._find("format", name, self.formats)
        file_format: Format = _check_name(name, path, _instance(path, Format))
        return file_format

    def every_format(self) -> Iterator[tuple[Format, str]]:
        """Each format and its distribution. A format that cannot be used is recorded as broken and left out."""
        for name, path in list(self.formats.items()):
            distribution = self.origin[f"format {name}"]
            try:
                yield self.format(name), distribution
            except Exception as error:  # an error in one plugin must not stop the others
                self.leave_out(path, distribution, error)
                del self.formats[name]

    def candidates_of(self, task: str) -> dict[str, AnyCandidate]:
        """The candidates of a task by name, in the order of registration.

        A candidate that cannot be used is recorded as broken and left out.
        """
        self._find("task", task, self.tasks)
        by_name: dict[str, AnyCandidate] = {}
        for path, distribution in self.candidates.get(task, ()):
            try:
                candidate: AnyCandidate = _instance(path, Candidate)
                if not NAME.fullmatch(candidate.name):
                    raise FrameworkError(f"{path} has the name {candidate.name!r}: small letters, digits and _ make one")
                self._claim(f"candidate {task}/{candidate.name}", distribution)
                by_name.setdefault(candidate.name, candidate)
            except Exception as error:  # an error in one plugin must not stop the others
                self.leave_out(path, distribution, error)
        return by_name

    def every_task(self) -> Iterator[AnyTask]:
        """Each task. A task that cannot be used is recorded as broken and left out."""
        for name, path in list(self.tasks.items()):
            try:
                yield self.task(name)
            except Exception as error:  # an error in one plugin must not stop the others
                self.leave_out(path, self.origin[f"task {name}"], error)
                del self.tasks[name]

    def surface(self, name: str) -> Surface:
        """The surface of this name. Raises FrameworkError if the registered class is no `Surface`, or has another name."""
        path = self._find("surface", name, self.surfaces)
        surface: Surface = _check_name(name, path, _instance(path, Surface))
        return surface

    def leave_out_surface(self, name: str, error: Exception) -> Broken:
        """Records a surface as broken because of an error."""
        return self.leave_out(f"surface {name}", self.origin[f"surface {name}"], error)

    def _claim(self, key: str, distribution: str) -> None:
        owner = self.origin.setdefault(key, distribution)
        if owner != distribution:
            raise FrameworkError(f"{key} is registered twice: by {owner} and by {distribution}; remove one")

    def leave_out(self, path: str, distribution: str, error: Exception) -> Broken:
        """Records that something a distribution registered is broken because of an error; at most once. path: as registered."""
        broken = Broken(path, distribution, f"{type(error).__name__}: {error}")
        if broken not in self.broken:
            self.broken.append(broken)
        return broken

    def codec(self, name: str) -> type[Codec]:
        codec: type[Codec] = resolve(self._find("codec", name, self.codecs))
        return codec

    def backbone(self, scheme: str) -> BackboneSource:
        source: BackboneSource = _instance(self._find("source of backbones", scheme, self.backbones), BackboneSource)
        return source

    def exporter(self, name: str) -> Exporter:
        return self._find("exporter", name, self.exporters)

    def tracker(self, name: str) -> Tracker:
        return self._find("tracker", name, self.trackers)

    def _find(self, kind: str, name: str, registered: Mapping[str, T]) -> T:
        if name not in registered:
            broken = "".join(f"\n{plugin}" for plugin in self.broken)
            raise InputError(f"no {kind} {name!r}; {nearest(name, registered)}{broken}")
        return registered[name]

    def add(self, kind: str, distribution: str, registered: dict[str, T], name: str, item: T) -> None:
        """Registers `item` of a distribution under `name` in `registered`. Raises FrameworkError if the name is taken.

        kind: what the item is, for `origin` and messages.
        """
        if name in registered:
            owner = self.origin[f"{kind} {name}"]
            raise FrameworkError(f"{kind} {name!r} is registered twice: by {owner} and by {distribution}; remove one")
        registered[name] = item
        self.origin[f"{kind} {name}"] = distribution

    def registrations(self, distribution: str) -> Iterator[tuple[str, Callable[..., None]]]:
        """(name, argument ``register``) for each hook. What a plugin registers with it is recorded under the distribution."""
        yield "register_tasks", partial(self.add, "task", distribution, self.tasks)
        yield "register_candidates", lambda task, path: self.candidates.setdefault(task, []).append((path, distribution))
        yield "register_codecs", partial(self.add, "codec", distribution, self.codecs)
        yield "register_formats", partial(self.add, "format", distribution, self.formats)
        yield "register_backbones", partial(self.add, "backbones", distribution, self.backbones)
        yield "register_surfaces", partial(self.add, "surface", distribution, self.surfaces)
        yield "register_exporters", lambda item: self.add("exporter", distribution, self.exporters, item.name, item)
        yield "register_trackers", lambda item: self.add("tracker", distribution, self.trackers, item.name, item)
        yield "register_recipes", lambda root: self.add("recipes", distribution, self.recipes, root, root)
        yield "register_messages", lambda language, path: self.messages.append((language, path, distribution))


@lru_cache(maxsize=256)
def _instance(path: str, kind: type[Any]) -> Any:
    """The object of the class at ``"module:Class"``, made once. Raises FrameworkError if that is no class of this kind, or is
    abstract.
    """
    implementation = resolve(path)
    if not (isinstance(implementation, type) and issubclass(implementation, kind)):
        raise FrameworkError(f"the plugin that names {path} is wrong: it is no {kind.__name__}")
    try:
        return implementation()
    except TypeError as error:  # an abstract method is not implemented
        raise FrameworkError(f"the plugin that names {path} is wrong: {error}") from error


def _check_name(name: str, path: str, instance: Any) -> Any:
    """Returns `instance`. Raises FrameworkError if ``instance.name`` is not the name that the class is registered under."""
    if instance.name != name:
        raise FrameworkError(
            f"the plugin that names {path} is wrong: it registers {name!r}, and the class says {instance.name!r}"
        )
    return instance


def resolve(path: str) -> Any:
    """The attribute at ``"module:attribute"``. Raises FrameworkError naming a missing library, module or attribute."""
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        extra = "; pip install 'recipe-framework[train]' brings what training needs"
        raise FrameworkError(f"{path} needs {error.name}, which is not installed{extra}") from error
    except AttributeError as error:
        raise FrameworkError(f"the plugin that names {path} is wrong: {error}") from error


def open_codec(spec: CodecSpec, resources: Any, more: Mapping[str, object] | None = None) -> Codec:
    """The codec of a fitted candidate. resources: the folder of the codec's files. more: settings that replace those of `spec`;
    None: all stay.
    """
    return load_plugins().codec(spec.name)({**spec.settings, **(more or {})}, resources)


def backbone_source(scheme: str) -> BackboneSource:
    """The source of addresses ``SCHEME://...`` of pretrained weights. Raises InputError for a scheme without a source."""
    return load_plugins().backbone(scheme)


def load_plugins() -> Plugins:
    """What all installed plugins registered; loaded once in a process. A plugin that fails is recorded as broken."""
    return _load()


@lru_cache(maxsize=1)
def _load() -> Plugins:
    plugins = Plugins()
    for name, path in FORMATS.items():
        plugins.add("format", f"{OURS} {version(OURS)}", plugins.formats, name, path)
    manager = pluggy.PluginManager("framework")
    manager.add_hookspecs(hookspecs)
    for entry in sorted(entry_points(group=hookspecs.GROUP), key=_loading_order):
        distribution = _distribution(entry)
        name = f"{distribution}: {entry.name}"
        try:
            manager.register(entry.load(), name=name)
            manager.check_pending()
            for hook, register in plugins.registrations(distribution):
                others = [plugin for other, plugin in manager.list_name_plugin() if other != name and plugin]
                manager.subset_hook_caller(hook, others)(register=register)
        except Exception as error:  # an error in one plugin must not stop the others
            if manager.has_plugin(name):
                manager.unregister(name=name)
            plugins.broken.append(Broken(entry.name, distribution, f"{type(error).__name__}: {error}"))
    return plugins


def _loading_order(entry: EntryPoint) -> tuple[bool, str]:
    """A sort key that puts the framework's own plugins first, so that no other plugin can take their names."""
    return _distribution(entry).split(" ")[0] != OURS, entry.name


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
