"""The competing candidates of a recipe and their options: ``candidates=[...]``, ``candidates.NAME.KEY``, shared sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf, open_dict

from framework.contracts.options import TIME_LIMIT
from framework.errors import FrameworkError, InputError, nearest
from framework.plugins import AnyCandidate, AnyTask, Plugins, load_plugins

SHARED = re.compile(r"\$\{(\w+)\}")  # the default of an option that is a shared section
KEY = "candidates"  # on a command line: the competing candidates
SHORT = "model."  # on a command line: prefix of a key that only one competing candidate has
BACKBONES = "backbones"  # on a command line: short for model.backbones, of a task that compares pretrained models


def competing(config: DictConfig) -> list[str]:
    """Names of the competing candidates, in the recipe's order."""
    return [str(name) for name in config.candidates if _is_competing(config, str(name))]


def _is_competing(config: DictConfig, name: str) -> bool:
    """Whether the candidate competes: only then its section has a type, for a file may set keys of other candidates too."""
    return is_dataclass(OmegaConf.get_type(config.candidates, name))


def remove_other_candidates(config: DictConfig) -> None:
    """Removes the sections of candidates that do not compete. Raises InputError for a section of no candidate of the task."""
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
        for name in [str(name) for name in config.candidates if not _is_competing(config, str(name))]:
            del config.candidates[name]


def options_for(config: DictConfig, candidate: AnyCandidate) -> Any:
    """The options of a candidate as an instance of its dataclass; the defaults if the candidate does not compete."""
    if candidate.name not in config.candidates:
        config = config.copy()
        OmegaConf.set_struct(config, False)
        config.candidates[candidate.name] = OmegaConf.structured(candidate.options)
    return OmegaConf.to_object(config.candidates[candidate.name])


def shared_sections(candidates: Iterable[AnyCandidate]) -> dict[str, type]:
    """The dataclass of each section that candidates share, by name of the section. Raises FrameworkError if candidates share a
    section of one name but of different types.
    """
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
    for option in fields(options) if is_dataclass(options) else ():
        section = SHARED.fullmatch(option.default) if isinstance(option.default, str) else None
        if section is not None and is_dataclass(types[option.name]):
            yield section[1], types[option.name]


@dataclass(frozen=True)
class Competition:
    """The task and the candidates of a recipe, from its groups alone, before overrides set keys."""

    task: AnyTask
    registered: Mapping[str, AnyCandidate]
    """All candidates of the task, by name."""
    named: Sequence[str]
    """The competing candidates that the recipe's files name; empty: those of `Task.competing`."""
    automatic: bool = False
    """Whether every `Candidate.bounded` baseline competes, too, unless overrides name the candidates."""

    @classmethod
    def of(cls, config: DictConfig, plugins: Plugins, *, automatic: bool = False) -> Competition:
        """config: the recipe, composed with its groups alone. automatic: see the attribute. Raises InputError if it names no
        task.
        """
        if not config.get("task"):
            raise InputError(
                f"the recipe names no task; write '- override /task: NAME' in its defaults, {nearest('', plugins.tasks)}"
            )
        task = plugins.task(config.task.name)
        return cls(task, plugins.candidates_of(task.name), competing(config), automatic)

    def expanded(self, overrides: Sequence[str]) -> list[str]:
        """The overrides in Hydra's form: ``candidates=[a,b]`` as a group, ``model.KEY=`` with the full key.

        Raises InputError for unknown candidates.
        """
        names = self._competing(overrides)
        self._check(names)
        group = f"{'' if self.named else '+'}candidate/{self.task.name}=[{','.join(names)}]"
        rest = [self._with_full_key(override, names) for override in overrides if _named_candidates(override) is None]
        return [group, *rest] if names != list(self.named) or _last_named(overrides) is not None else rest

    def problems_of(self, overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(override, problem) for each override ``model.KEY=`` whose key no competing candidate has, or several have."""
        for override in overrides:
            try:
                self._with_full_key(override, [name for name in self._competing(overrides) if name in self.registered])
            except InputError as error:
                yield override, str(error)

    def time_limits(self, overrides: Sequence[str]) -> list[str]:
        """Full keys of the options, of competing candidates, that limit the time of a fit."""
        competitors = [self.registered[name] for name in self._competing(overrides)]
        return [
            f"{KEY}.{one.name}.{option.name}"
            for one in competitors
            if is_dataclass(one.options)
            for option in fields(one.options)
            if TIME_LIMIT.items() <= option.metadata.items()
        ]

    def _competing(self, overrides: Sequence[str]) -> list[str]:
        """Names of the competing candidates, from the overrides, else from the recipe, else from the task."""
        names = _last_named(overrides)
        if names is not None:
            return names
        names = list(self.named) or list(self.task.competing)
        return [*(self._bounded_baselines(names) if self.automatic else ()), *names]

    def _bounded_baselines(self, names: Sequence[str]) -> list[str]:
        """Bounded baselines that are not among the names."""
        baselines = (one for one in self.registered.values() if one.role == "baseline" and one.bounded)
        return [one.name for one in baselines if one.name not in names]

    def _check(self, names: Sequence[str]) -> None:
        problems = [
            f"no candidate {n!r} of {self.task.name}; {nearest(n, self.registered)}" for n in names if n not in self.registered
        ]
        if not names:
            problems.append(f"candidates=[] lets nobody compete; {nearest('', self.registered)}")
        if problems:
            raise InputError(*problems)

    def _with_full_key(self, override: str, names: Sequence[str]) -> str:
        """``model.KEY=VALUE`` and ``backbones=`` with the full key, other overrides unchanged. names, and errors: as for
        `key_of`.
        """
        mark = re.match(r"[+~]*", override)
        sign = mark[0] if mark else ""
        key, equals, value = override[len(sign) :].partition("=")
        if key == BACKBONES:
            key = SHORT + key
        if not key.startswith(SHORT):
            return override
        return f"{sign}{self.key_of(key.removeprefix(SHORT), names)}{equals}{value}"

    def key_of(self, short: str, names: Sequence[str]) -> str:
        """The full key of ``model.SHORT``. names: competing candidates. Raises InputError if none of them has the key, or
        several have.
        """
        candidates = [self.registered[name] for name in names]
        baselines = [candidate for candidate in self.registered.values() if candidate.role == "baseline"]
        first = short.partition(".")[0]
        shared = shared_sections([*candidates, *baselines])
        if first in shared:
            return short
        owners = [candidate.name for candidate in candidates if first in _field_names(candidate.options)]
        if len(owners) == 1:
            return f"{KEY}.{owners[0]}.{short}"
        if len(owners) > 1:
            keys = " or ".join(f"{KEY}.{owner}.{short}=" for owner in owners)
            raise InputError(f"model.{short}: {len(owners)} of the candidates that compete have this key; write {keys}")
        sections = [name for name, kind in shared.items() if first in _field_names(kind)]
        if sections:
            return f"{sections[0]}.{short}"
        kinds = [*(candidate.options for candidate in candidates), *shared.values()]
        available = list(dict.fromkeys(f"model.{key}" for kind in kinds for key in _field_names(kind)))
        raise InputError(f"no key 'model.{short}'; {nearest(f'model.{short}', available, 'keys')}")


def _field_names(options: type) -> list[str]:
    return [option.name for option in fields(options)] if is_dataclass(options) else []


def _last_named(overrides: Sequence[str]) -> list[str] | None:
    return next((names for override in reversed(overrides) if (names := _named_candidates(override)) is not None), None)


def _named_candidates(override: str) -> list[str] | None:
    """The names of ``candidates=[a,b]``; None for another override."""
    key, equals, value = override.partition("=")
    if key != KEY or not equals:
        return None
    return [name.strip("'\" ") for name in value.strip("[] ").split(",") if name.strip("'\" ")]
