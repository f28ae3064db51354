"""Who competes in a recipe, with which options: ``candidates=[NAME, ...]``, ``candidates.NAME.KEY``, and what they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf, open_dict

from framework.contracts.options import TIME_LIMIT
from framework.errors import FrameworkError, InputError, nearest
from framework.plugins import AnyCandidate, AnyTask, Plugins, load_plugins

SHARED = re.compile(r"\$\{(\w+)\}")
KEY = "candidates"  # on a command line: who competes
SHORT = "model."  # before a key of the one candidate that has it


def competing(config: DictConfig) -> list[str]:
    """Names of the candidates of which the best on validation ships, as the recipe has them."""
    return [str(name) for name in config.candidates if _chosen_by_group(config, str(name))]


def _chosen_by_group(config: DictConfig, name: str) -> bool:
    """Otherwise a file of the recipe says something of a candidate that does not compete."""
    return is_dataclass(OmegaConf.get_type(config.candidates, name))


def settle(config: DictConfig) -> None:
    """Takes out the sections of candidates that do not compete. Raises InputError for one that is of no candidate at all."""
    if not config.get("task"):
        return
    registered = load_plugins().candidates_of(config.task.name)
    unknown = [
        f"no candidate {name!r} of {config.task.name}; {nearest(str(name), registered)}"
        for name in config.candidates
        if name not in registered
    ]
    if unknown:
        raise InputError(*unknown)
    with open_dict(config):
        for name in [str(name) for name in config.candidates if not _chosen_by_group(config, str(name))]:
            del config.candidates[name]


def options_for(config: DictConfig, candidate: AnyCandidate) -> Any:
    """The options of a candidate as an instance of its dataclass; its defaults where it does not compete."""
    if candidate.name not in config.candidates:
        config = config.copy()
        OmegaConf.set_struct(config, False)
        config.candidates[candidate.name] = OmegaConf.structured(candidate.options)
    return OmegaConf.to_object(config.candidates[candidate.name])


def shared_sections(candidates: Iterable[AnyCandidate]) -> dict[str, type]:
    """Sections that candidates share: name -> dataclass. Raises FrameworkError where two mean different ones."""
    sections: dict[str, type] = {}
    for candidate in candidates:
        for name, kind in _shared(candidate.options):
            if sections.setdefault(name, kind) is not kind:
                raise FrameworkError(
                    f"candidate {candidate.name!r} shares {name!r} of another type than the other candidates do"
                )
    return sections


def _shared(options: type) -> Iterator[tuple[str, type]]:
    types = get_type_hints(options)
    for one in fields(options) if is_dataclass(options) else ():
        section = SHARED.fullmatch(one.default) if isinstance(one.default, str) else None
        if section is not None and is_dataclass(types[one.name]):
            yield section[1], types[one.name]


@dataclass(frozen=True)
class Competition:
    """What a recipe chose before its keys are set: the task and who competes."""

    task: AnyTask
    registered: Mapping[str, AnyCandidate]
    named: Sequence[str]
    """The candidates that the recipe's own files name; none: those that the task names."""

    @classmethod
    def of(cls, config: DictConfig, plugins: Plugins) -> Competition:
        """config: the recipe with its groups chosen. Raises InputError where it names no task."""
        if not config.get("task"):
            raise InputError(
                f"the recipe names no task; write '- override /task: NAME' in its defaults, {nearest('', plugins.tasks)}"
            )
        task = plugins.task(config.task.name)
        return cls(task, plugins.candidates_of(task.name), competing(config))

    def expanded(self, overrides: Sequence[str]) -> list[str]:
        """The overrides with ``candidates=[a,b]`` as Hydra's group, and ``model.KEY=`` as the key that is meant."""
        chosen = _last_chosen(overrides)
        names = self._names(overrides)
        self._check(names)
        group = f"{'' if self.named else '+'}candidate/{self.task.name}=[{','.join(names)}]"
        rest = [self._spelled_out(override, names) for override in overrides if _chosen(override) is None]
        return [group, *rest] if chosen is not None or not self.named else rest

    def problems_of(self, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Those with ``model.KEY=`` that nobody or several have, each with what is wrong with it."""
        for override in overrides:
            try:
                self._spelled_out(override, [name for name in self._names(overrides) if name in self.registered])
            except InputError as error:
                yield override, str(error)

    def time_limits(self, overrides: Sequence[str]) -> list[str]:
        """Keys of those that compete which limit the time of a fit."""
        competitors = [self.registered[name] for name in self._names(overrides)]
        return [
            f"{KEY}.{one.name}.{option.name}"
            for one in competitors
            if is_dataclass(one.options)
            for option in fields(one.options)
            if TIME_LIMIT.items() <= option.metadata.items()
        ]

    def _names(self, overrides: Sequence[str]) -> list[str]:
        chosen = _last_chosen(overrides)
        return chosen if chosen is not None else list(self.named) or list(self.task.competing)

    def _check(self, names: Sequence[str]) -> None:
        problems = [
            f"no candidate {n!r} of {self.task.name}; {nearest(n, self.registered)}" for n in names if n not in self.registered
        ]
        if not names:
            problems.append(f"candidates=[] lets nobody compete; {nearest('', self.registered)}")
        if problems:
            raise InputError(*problems)

    def _spelled_out(self, override: str, names: Sequence[str]) -> str:
        """``model.KEY=VALUE`` with the full name of the key. Raises InputError where nobody or several have it."""
        mark = re.match(r"[+~]*", override)
        sign = mark[0] if mark else ""
        key, equals, value = override[len(sign) :].partition("=")
        if not key.startswith(SHORT):
            return override
        return f"{sign}{self.key_of(key.removeprefix(SHORT), names)}{equals}{value}"

    def key_of(self, short: str, names: Sequence[str]) -> str:
        """The full key of ``model.SHORT``."""
        candidates = [self.registered[name] for name in names]
        first = short.partition(".")[0]
        shared = shared_sections([*candidates, *(one for one in self.registered.values() if one.role == "baseline")])
        if first in shared:
            return short
        owners = [one.name for one in candidates if first in _names(one.options)]
        if len(owners) == 1:
            return f"{KEY}.{owners[0]}.{short}"
        if len(owners) > 1:
            keys = " or ".join(f"{KEY}.{owner}.{short}=" for owner in owners)
            raise InputError(f"model.{short}: {len(owners)} of the candidates that compete have this key; write {keys}")
        sections = [name for name, kind in shared.items() if first in _names(kind)]
        if sections:
            return f"{sections[0]}.{short}"
        kinds = [*(one.options for one in candidates), *shared.values()]
        known = [key for kind in kinds for key in _names(kind)]
        raise InputError(
            f"no key 'model.{short}'; {nearest(f'model.{short}', [f'model.{key}' for key in dict.fromkeys(known)], 'keys')}"
        )


def _names(options: type) -> list[str]:
    return [one.name for one in fields(options)] if is_dataclass(options) else []


def _last_chosen(overrides: Sequence[str]) -> list[str] | None:
    return next((names for override in reversed(overrides) if (names := _chosen(override)) is not None), None)


def _chosen(override: str) -> list[str] | None:
    """The names of ``candidates=[a,b]``; None for another override."""
    key, equals, value = override.partition("=")
    if key != KEY or not equals:
        return None
    return [name.strip("'\" ") for name in value.strip("[] ").split(",") if name.strip("'\" ")]
