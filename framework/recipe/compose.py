"""Composes recipes with Hydra: registers schemas and search path, and reports the problems of overrides together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, fields, is_dataclass, make_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins as HydraPlugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from framework.errors import FrameworkError, InputError, nearest
from framework.plugins import Plugins, load_plugins
from framework.recipe.automatic import AUTO, CHOSEN, resolved
from framework.recipe.budgeted import held_out_limit, without_limits
from framework.recipe.candidates import Competition, remove_other_candidates, shared_sections
from framework.recipe.literal import as_written, read_kept
from framework.recipe.overrides import choices, contradictions, parse, sweep_problems, unknown_choices, unknown_keys
from framework.recipe.schema import data_schema, recipe_schema
from framework.recipe.validation import check_recipe

CONFIG_PATH = "pkg://framework.recipe.conf"
GROUPS = ("task", "data", "model", "export", "tracker", "recipe")
AFTER_TRAINING = ("export", "target", "artifact", "report")  # sections that may change when a run is exported again


def own_recipes() -> Path:
    """The folder of the framework's recipes: in the package of a wheel, beside the package in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_roots() -> list[str]:
    """Hydra config roots in search order: the user's ./recipes, the plugins', the framework's own."""
    framework = f"file://{own_recipes()}"
    roots = [*(root for root in load_plugins().recipes if root != framework), framework]
    users = Path("recipes").resolve()
    return [f"file://{users}", *roots] if users.is_dir() and users != own_recipes().resolve() else roots


class RecipeSearchPath(SearchPathPlugin):
    """Adds the recipe roots to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for root in recipe_roots():
            search_path.append("framework", root)


class SharedStore(ConfigStore):
    """Hydra's store, which Hydra deep-copies several times in each composition, although it only reads the copies."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedStore:
        return self


def install() -> None:
    """Registers schemas and search path with Hydra, once."""
    _register(load_plugins())


@lru_cache(maxsize=1)
def _register(plugins: Plugins) -> None:
    store = ConfigStore.instance()
    store.__class__ = SharedStore
    shared: set[str] = set()
    for task in plugins.every_task():
        candidates = plugins.candidates_of(task.name)
        sections = shared_sections(candidates.values())
        shared |= sections.keys()
        node = {"task": _with_name(task.options, task.name), "data": data_schema(task), **sections}
        store.store(group="task", name=task.name, package="_global_", node=node, provider="framework")
        for name, candidate in candidates.items():
            group, package = f"candidate/{task.name}", f"candidates.{name}"
            store.store(group=group, name=name, package=package, node=candidate.options, provider="framework")
    store.store(name="schema", node=recipe_schema(shared), provider="framework")
    for exporter in plugins.exporters.values():
        package = f"export.{exporter.name}"
        store.store(group="export", name=exporter.name, package=package, node=exporter.options, provider="framework")
    for tracker in plugins.trackers.values():
        package = f"tracker.{tracker.name}"
        store.store(group="tracker", name=tracker.name, package=package, node=tracker.options, provider="framework")
    store.store(group="tracker", name="none", package="tracker", node={}, provider="framework")
    HydraPlugins.instance().register(RecipeSearchPath)


def _with_name(options: type, name: str) -> type:
    """The task's options with a first field `name`, so that a composed recipe names its task."""
    if not is_dataclass(options):
        raise FrameworkError(f"the options of task {name} must be a dataclass")
    if "name" in {option.name for option in fields(options)}:
        raise FrameworkError(f"the options of task {name} must not have a field called name")
    return make_dataclass(options.__name__, [("name", str, field(default=name))], bases=(options,))


def for_hydra(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Splits a command line, in which flags and overrides may be mixed, into Hydra's flags and the overrides."""
    options = get_args_parser().parse_intermixed_args(arguments)
    flags = list(arguments)
    for override in options.overrides:
        flags.remove(override)
    return flags, options.overrides


def for_compose(written: Sequence[str], *, sweeps: bool = False) -> list[str]:
    """Converts the overrides of one recipe from the form that users write to the form that Hydra composes.

    sweeps: whether a key may have several values. Raises InputError with every unknown choice of a group; where there is none,
    with every unknown key and every value of a wrong type.
    """
    install()
    automatic = CHOSEN in written
    written = resolved(written)
    groups = list(map(parse, filter(_is_group, written)))
    with hydra_started():
        loader = GlobalHydra.instance().config_loader()
        available = {group: loader.get_group_options(group) for group in GROUPS}
        available["recipe"] = [*available["recipe"], AUTO]
        problems = [problem for override in groups for problem in unknown_choices(override, available)]
        if problems:
            raise InputError(*problems)
        if not any(override.key_or_group == "recipe" and choices(override) for override in groups):
            raise InputError(f"no recipe: write recipe=NAME; {nearest('', available['recipe'])}")
        chosen_groups = _first_choices(groups)
        with _explained():
            without_keys = compose("config", chosen_groups)
        competition = Competition.of(without_keys, load_plugins(), automatic=automatic)
        wrong = dict(competition.problems_of(written))
        problems += wrong.values()
        overrides = as_written(competition.expanded([one for one in written if one not in wrong]), sweeps=sweeps)
        if automatic:
            overrides += without_limits(competition.time_limits(written), overrides)
        candidates = [override for override in overrides if "candidate/" in override.partition("=")[0]]
        with _explained():
            config = compose("config", [*chosen_groups, *candidates])
        overrides += held_out_limit(config, competition.task, overrides)
        keys = [parse(override) for override in overrides if override not in candidates and not _is_group(override)]
        problems += [*unknown_keys(keys, config), *contradictions(keys)]
    problems += [] if sweeps else sweep_problems([parse(override) for override in overrides])
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return overrides


def _is_group(override: str) -> bool:
    return override.partition("=")[0] in GROUPS


def compose_recipe(recipe: str, overrides: Sequence[str]) -> DictConfig:
    """The composed, checked recipe. Raises InputError as `for_compose` and `check_recipe` do."""
    return compose_run(recipe, overrides)[0]


def compose_run(recipe: str, overrides: Sequence[str]) -> tuple[DictConfig, Path]:
    """The composed, checked recipe, and the folder for its run. Raises InputError as `for_compose` and `check_recipe` do."""
    arguments = for_compose([f"recipe={recipe}", *overrides])
    with hydra_started(), _explained():
        config = compose("config", arguments, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        folder = Path(config.hydra.run.dir)
        with open_dict(config):
            del config["hydra"]
    remove_other_candidates(config)
    check_recipe(config)
    return config, folder


def recompose(path: Path, changes: Sequence[str] = ()) -> DictConfig:
    """Composes the recipe of an earlier run from its config.yaml, with changes to the sections `AFTER_TRAINING`.

    changes: KEY=VALUE. Exporters of the earlier run keep their options. Raises InputError with every change that is refused,
    and for a config.yaml that this version cannot compose.
    """
    install()
    overrides = [parse(change) for change in as_written(changes)]
    with hydra_started(), _explained(f"{path} does not fit this version: "):
        available = {"export": GlobalHydra.instance().config_loader().get_group_options("export")}
        problems = [problem for override in overrides for problem in _change_problems(override, available)]
        if problems:
            raise InputError(*problems)
        saved: Any = read_kept(path)
        exporters = [name for override in overrides if override.key_or_group == "export" for name in choices(override)]
        names = list(dict.fromkeys(exporters)) or [str(name) for name in saved.export]
        trackers = ",".join(map(str, saved.get("tracker") or {})) or "none"
        competing = f"+candidate/{saved.task.name}=[{','.join(map(str, saved.candidates))}]"
        config = compose(
            "config", [f"task={saved.task.name}", competing, f"export=[{','.join(names)}]", f"tracker=[{trackers}]"]
        )
        config.merge_with({**saved, "export": {name: saved.export[name] for name in names if name in saved.export}})
    keys = [override for override in overrides if override.key_or_group != "export"]
    problems = [*unknown_keys(keys, config), *contradictions(keys)]
    if problems:
        raise InputError(*problems)
    for override in keys:
        OmegaConf.update(config, override.key_or_group, override.value())
    return config


def _change_problems(override: Override, available: Mapping[str, list[str]]) -> Iterator[str]:
    key, written = override.key_or_group, override.input_line
    if override.is_sweep_override() or override.is_add() or override.is_force_add() or override.is_delete():
        yield f"{written}: write KEY=VALUE with one value"
    elif key.split(".")[0] not in AFTER_TRAINING:
        yield f"{written}: the run was made with another; only {', '.join(AFTER_TRAINING)} can change afterwards"
    elif key == "export":
        yield from unknown_choices(override, available)


@contextmanager
def hydra_started() -> Iterator[None]:
    """Initializes Hydra's global state with the framework's config path, and clears it afterwards."""
    GlobalHydra.instance().clear()
    search_path = create_config_search_path(CONFIG_PATH)
    Hydra.create_main_hydra2(task_name="recipe", config_search_path=search_path)
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


@contextmanager
def _explained(before: str = "") -> Iterator[None]:
    """Converts errors of Hydra, OmegaConf and YAML to an InputError whose message begins with `before`."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise InputError(before + explain(error)) from error


def explain(error: BaseException) -> str:
    """The message of a Hydra error and of its cause, without lines about Hydra's internals."""
    texts = [str(error)] + ([str(error.__cause__)] if error.__cause__ else [])
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    noise = re.compile(r"HYDRA_FULL_ERROR|^\s*(full_key|object_type|reference_type)[:=]|^See https")
    return "\n".join(dict.fromkeys(line.rstrip() for line in lines if not noise.search(line)))


def one_recipe_each(arguments: list[str]) -> Iterator[list[str]]:
    """A command line for each recipe of a sweep ``recipe=a,b``.

    Hydra itself composes a sweep first without the swept override, which fails here: without a recipe there is no task, and
    the task's keys do not exist.
    """
    for position, argument in enumerate(arguments):
        override = parse(argument) if argument.startswith("recipe=") else None
        if override is not None and override.is_sweep_override():
            for name in choices(override):
                yield [*arguments[:position], f"recipe={name}", *arguments[position + 1 :]]
            return
    yield arguments


def _first_choices(groups: Sequence[Override]) -> list[str]:
    """The overrides of groups, with the first choice of each sweep."""
    return [f"{o.key_or_group}={choices(o)[0]}" if o.is_sweep_override() else o.input_line or "" for o in groups]
