"""Hands the recipe's schema and search path to Hydra, and explains what is wrong with a recipe, all of it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, fields, is_dataclass, make_dataclass
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
from framework.plugins import load_plugins
from framework.recipe.automatic import AUTO, CHOSEN, resolved
from framework.recipe.candidates import Competition, settle, shared_sections
from framework.recipe.literal import as_written, read_kept
from framework.recipe.overrides import choices, parse, swept, unknown_choices, unknown_keys
from framework.recipe.schema import data_schema, recipe_schema
from framework.recipe.validation import check_recipe

CONFIG_PATH = "pkg://framework.recipe.conf"
GROUPS = ("task", "data", "model", "export", "tracker", "recipe")
AFTER_TRAINING = ("export", "artifact", "report")  # sections that decide what is made of a trained model


def own_recipes() -> Path:
    """The recipes that ship with the framework: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_roots() -> list[str]:
    """Config roots in the order they are searched: the user's ./recipes, the plugins', the framework's own."""
    roots = [f"file://{own_recipes()}"]
    mine = Path("recipes").resolve()
    plugins = [root for root in load_plugins().recipes if root not in roots]
    if mine.is_dir() and mine != own_recipes().resolve():
        return [f"file://{mine}", *plugins, *roots]
    return [*plugins, *roots]


class RecipeSearchPath(SearchPathPlugin):
    """Adds the recipe roots to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for root in recipe_roots():
            search_path.append("framework", root)


def install() -> None:
    """Registers schemas and search path with Hydra. Safe to call twice."""
    plugins = load_plugins()
    store = ConfigStore.instance()
    shared: set[str] = set()
    for task in plugins.every_task():
        candidates = plugins.candidates_of(task.name)
        sections = shared_sections(candidates.values())
        shared |= sections.keys()
        node = {"task": _named(task.options, task.name), "data": data_schema(task), **sections}
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


def _named(options: type, name: str) -> type:
    """The options with the task's name in front, so that the composed recipe says which task it is for."""
    if not is_dataclass(options):
        raise FrameworkError(f"the options of task {name} must be a dataclass")
    if "name" in {option.name for option in fields(options)}:
        raise FrameworkError(f"the options of task {name} must not have a field called name")
    return make_dataclass(options.__name__, [("name", str, field(default=name))], bases=(options,))


def for_hydra(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Hydra's own flags on a command line, and its overrides, wherever among the flags they stand."""
    options = get_args_parser().parse_intermixed_args(arguments)
    flags = list(arguments)
    for override in options.overrides:
        flags.remove(override)
    return flags, options.overrides


def prepared(written: Sequence[str], *, sweeps: bool = False) -> list[str]:
    """Overrides of one recipe, as a person writes them, in the form that Hydra composes.

    Raises InputError with every unknown group, choice, key and value type. sweeps: several values of a key are allowed.
    """
    install()
    automatic = CHOSEN in written
    written = resolved(written)
    groups = list(map(parse, filter(_is_group, written)))
    with hydra_started():
        loader = GlobalHydra.instance().config_loader()
        known = {group: loader.get_group_options(group) for group in GROUPS}
        known["recipe"] = [*known["recipe"], AUTO]
        problems = [problem for override in groups for problem in unknown_choices(override, known)]
        if problems:
            raise InputError(*problems)
        if not any(override.key_or_group == "recipe" and choices(override) for override in groups):
            raise InputError(f"no recipe: write recipe=NAME; {nearest('', known['recipe'])}")
        chosen = _first_choices(groups)
        with _explained():
            frame = compose("config", chosen)
        competition = Competition.of(frame, load_plugins())
        wrong = dict(competition.problems_of(written))
        problems += wrong.values()
        overrides = as_written(competition.expanded([one for one in written if one not in wrong]), sweeps=sweeps)
        if automatic:
            overrides += _without_limits(competition.time_limits(written), overrides)
        candidates = [override for override in overrides if "candidate/" in override.partition("=")[0]]
        with _explained():
            config = compose("config", [*chosen, *candidates])
        keys = [parse(override) for override in overrides if override not in candidates and not _is_group(override)]
        problems += unknown_keys(keys, config)
    problems += [] if sweeps else swept([parse(override) for override in overrides])
    if problems:
        raise InputError(*dict.fromkeys(problems))
    return overrides


def _without_limits(keys: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Overrides that lift those limits of time which a person did not set."""
    set_by_person = {override.partition("=")[0] for override in overrides}
    return [f"{key}=null" for key in keys if key not in set_by_person]


def _is_group(override: str) -> bool:
    return override.partition("=")[0] in GROUPS


def compose_recipe(recipe: str, overrides: Sequence[str]) -> DictConfig:
    """The recipe as Hydra composes it, checked; for programs that do not go through the command line."""
    return compose_run(recipe, overrides)[0]


def compose_run(recipe: str, overrides: Sequence[str]) -> tuple[DictConfig, Path]:
    """The recipe as Hydra composes it, checked, and the folder that its run would go to."""
    arguments = prepared([f"recipe={recipe}", *overrides])
    with hydra_started(), _explained():
        config = compose("config", arguments, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        folder = Path(config.hydra.run.dir)
        with open_dict(config):
            del config["hydra"]
    settle(config)
    check_recipe(config)
    return config, folder


def recompose(path: Path, changes: Sequence[str] = ()) -> DictConfig:
    """The recipe as a run keeps it in its config.yaml, with its types again and what may change after training changed.

    An exporter that was in it keeps its options. Raises InputError with every change that cannot be made.
    """
    install()
    overrides = [parse(change) for change in as_written(changes)]
    with hydra_started(), _explained(f"{path} does not fit this version: "):
        known = {"export": GlobalHydra.instance().config_loader().get_group_options("export")}
        problems = [problem for override in overrides for problem in _cannot_change(override, known)]
        if problems:
            raise InputError(*problems)
        saved: Any = read_kept(path)
        chosen = [name for override in overrides if override.key_or_group == "export" for name in choices(override)]
        names = list(dict.fromkeys(chosen)) or [str(name) for name in saved.export]
        trackers = ",".join(map(str, saved.get("tracker") or {})) or "none"
        competing = f"+candidate/{saved.task.name}=[{','.join(map(str, saved.candidates))}]"
        config = compose(
            "config", [f"task={saved.task.name}", competing, f"export=[{','.join(names)}]", f"tracker=[{trackers}]"]
        )
        config.merge_with({**saved, "export": {name: saved.export[name] for name in names if name in saved.export}})
    keys = [override for override in overrides if override.key_or_group != "export"]
    problems = list(unknown_keys(keys, config))
    if problems:
        raise InputError(*problems)
    for override in keys:
        OmegaConf.update(config, override.key_or_group, override.value())
    return config


def _cannot_change(override: Override, known: Mapping[str, list[str]]) -> Iterator[str]:
    key, written = override.key_or_group, override.input_line
    if override.is_sweep_override() or override.is_add() or override.is_force_add() or override.is_delete():
        yield f"{written}: write KEY=VALUE with one value"
    elif key.split(".")[0] not in AFTER_TRAINING:
        yield f"{written}: the run was made with another; only {', '.join(AFTER_TRAINING)} can change afterwards"
    elif key == "export":
        yield from unknown_choices(override, known)


@contextmanager
def hydra_started() -> Iterator[None]:
    GlobalHydra.instance().clear()
    search_path = create_config_search_path(CONFIG_PATH)
    Hydra.create_main_hydra2(task_name="recipe", config_search_path=search_path)
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


@contextmanager
def _explained(before: str = "") -> Iterator[None]:
    """Hydra's and OmegaConf's errors, and those of YAML, as one InputError."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise InputError(before + explain(error)) from error


def explain(error: BaseException) -> str:
    """What Hydra says, and the cause it hides, without its advice about its own internals."""
    texts = [str(error)] + ([str(error.__cause__)] if error.__cause__ else [])
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    noise = re.compile(r"HYDRA_FULL_ERROR|^\s*(full_key|object_type|reference_type)[:=]|^See https")
    return "\n".join(dict.fromkeys(line.rstrip() for line in lines if not noise.search(line)))


def one_recipe_each(arguments: list[str]) -> Iterator[list[str]]:
    """A command line for each recipe that ``recipe=a,b`` names.

    Hydra composes the recipe once without what is swept, and without a recipe the task's keys are not there.
    """
    for position, argument in enumerate(arguments):
        override = parse(argument) if argument.startswith("recipe=") else None
        if override is not None and override.is_sweep_override():
            for name in choices(override):
                yield [*arguments[:position], f"recipe={name}", *arguments[position + 1 :]]
            return
    yield arguments


def _first_choices(groups: Sequence[Override]) -> list[str]:
    """Overrides of groups without sweeps: the first choice of each."""
    return [f"{o.key_or_group}={choices(o)[0]}" if o.is_sweep_override() else o.input_line or "" for o in groups]
