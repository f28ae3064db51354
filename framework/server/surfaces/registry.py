"""Which surfaces the installed plugins bring, and that no two of them claim one path. No serving library is needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.contracts.codec import Codec
from framework.contracts.serving.surface import Route, Surface
from framework.errors import FrameworkError
from framework.plugins import Broken, Plugins

COUNTER = re.compile("[a-z][a-z0-9_]*")
CORE = "the server itself"
PATHS = (
    "/", "/docs", "/docs/{file}", "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/models/{name}",
    "/admin/swap", "/admin/rollback",
)  # fmt: skip


@dataclass(frozen=True)
class BoundSurface:
    """A surface with the routes that it answers."""

    surface: Surface
    routes: tuple[Route, ...]

    @property
    def name(self) -> str:
        return self.surface.name

    def endpoint(self, route: Route) -> str:
        return route.endpoint or self.name


def bind_surfaces(plugins: Plugins, left_out: Callable[[Broken], object] = lambda broken: None) -> list[BoundSurface]:
    """Every surface that can be used, in the order of registration.

    One whose class cannot be made, whose routes are wrong, or that claims a path that is taken, is recorded as broken with both
    distributions named, and told to `left_out`.
    """
    bound: list[BoundSurface] = []
    owners = dict.fromkeys(PATHS, CORE)
    for name in list(plugins.surfaces):
        try:
            surface = plugins.surface(name)
            routes = tuple(surface.routes())
            _check(surface, routes, owners)
        except Exception as error:  # whatever a stranger's module raises must not stop the others
            left_out(plugins.leave_out_surface(name, error))
            continue
        owners |= dict.fromkeys((route.path for route in routes), f"surface {name} of {plugins.origin[f'surface {name}']}")
        bound.append(BoundSurface(surface, routes))
    return bound


def surfaces_of(bound: Sequence[BoundSurface], codec: Codec, failed: Callable[[str, Exception], object]) -> tuple[str, ...]:
    """The names of those that serve a codec. failed: told the name of one that raises, which then does not."""
    names = []
    for each in bound:
        try:
            if each.surface.serves(codec):
                names.append(each.name)
        except Exception as error:  # of a stranger: the model is served without it
            failed(each.name, error)
    return tuple(names)


def _check(surface: Surface, routes: Sequence[Route], owners: dict[str, str]) -> None:
    """Raises FrameworkError with everything that is wrong."""
    problems = [problem for route in routes if (problem := route.problem())] if routes else ["it has no routes"]
    for path in dict.fromkeys(route.path for route in routes):
        problems += [f"{path} is taken by {owner}" for other, owner in owners.items() if overlap(path, other)][:1]
    keys = [(route.method, route.path) for route in routes]
    problems += [f"{method} {path} has two handlers" for method, path in dict.fromkeys(keys) if keys.count((method, path)) > 1]
    problems += [f"{name!r} names no counter: small letters, digits and _ do" for name in surface.counters
                 if not COUNTER.fullmatch(name)]  # fmt: skip
    if problems:
        raise FrameworkError("; ".join(problems))


def overlap(path: str, other: str) -> bool:
    """Whether there is an address that both paths match."""
    parts, others = path.split("/"), other.split("/")
    return len(parts) == len(others) and all(
        one == two or one.startswith("{") or two.startswith("{") for one, two in zip(parts, others, strict=True)
    )
