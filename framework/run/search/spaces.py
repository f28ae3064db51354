"""The space of a candidate in a run, by full key of the recipe, without what the recipe sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any

from omegaconf import OmegaConf

from framework.contracts.space import Choice, Dimension, Range, Space
from framework.errors import FrameworkError
from framework.plugins import AnyCandidate
from framework.run.context import Run


@dataclass(frozen=True)
class RunSpace:
    """What the search of one candidate may vary in a run. All keys are full keys of the recipe."""

    fresh: Mapping[str, Dimension]
    """For fits that begin anew."""
    onward: Mapping[str, Dimension]
    """For fits that continue the best one."""
    values: Mapping[str, Any]
    """The recipe's own values, or what they stand for, where they are known."""
    compared_early: bool = True
    """See `Space`."""

    def __bool__(self) -> bool:
        return bool(self.fresh or self.onward)


def space_in(run: Run, candidate: AnyCandidate, data: Any) -> RunSpace:
    """The candidate's space without options that the recipe sets. Raises FrameworkError for a space that cannot be."""
    options = run.options_of(candidate)
    trainer: Any = OmegaConf.to_container(run.config.trainer, resolve=True)
    space: Space = candidate.space(data, run.options, options, trainer)
    prefix = f"candidates.{candidate.name}"
    where = f"the space of the candidate {candidate.name} is wrong"
    fresh = {
        **dict(_free(space.options, options, candidate.options, prefix, where)),
        **dict(_free(space.task, run.options, run.task.options, "task", where)),
    }
    onward = dict(_free(space.onward, options, candidate.options, prefix, where))
    values = {}
    for key, dimension in {**onward, **fresh}.items():
        value = getattr(run.options if key.startswith("task.") else options, key.rpartition(".")[2])
        start = dimension.start if isinstance(dimension, Range) and value is None else value
        if start is not None or isinstance(dimension, Choice):
            values[key] = start
    return RunSpace(fresh, onward, values, space.compared_early)


def _free(
    dimensions: Mapping[str, Dimension], options: Any, kind: type, prefix: str, where: str
) -> Iterator[tuple[str, Dimension]]:
    """(full key, dimension) of the options that have their defaults in the recipe. kind: the dataclass of `options`."""
    declared = {option.name: option for option in fields(kind)}
    for name, dimension in dimensions.items():
        if name not in declared:
            raise FrameworkError(f"{where}: {kind.__name__} has no option {name!r}")
        _check(dimension, f"{where}: {name}")
        if getattr(options, name) == _default(declared[name]):
            yield f"{prefix}.{name}", dimension


def _default(option: Field[Any]) -> Any:
    return option.default_factory() if option.default_factory is not MISSING else option.default


def _check(dimension: Dimension, where: str) -> None:
    if isinstance(dimension, Choice) and not dimension.values:
        raise FrameworkError(f"{where} has no values to choose from")
    if isinstance(dimension, Range) and (dimension.low > dimension.high or (dimension.log and dimension.low <= 0)):
        raise FrameworkError(f"{where} ranges from {dimension.low} to {dimension.high}: write low <= high, above 0 for log")
