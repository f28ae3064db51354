"""The surfaces of the installed plugins, no two of which may claim one path. Must not import libraries for serving."""

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
    """A surface and its routes."""

    surface: Surface
    routes: tuple[Route, ...]

    @property
    def name(self) -> str:
        return self.surface.name

    def endpoint(self, route: Route) -> str:
        return route.endpoint or self.name


def bind_surfaces(plugins: Plugins, left_out: Callable[[Broken], object] = lambda broken: None) -> list[BoundSurface]:
    """Every usable surface, in the order of registration.

    A surface that cannot be created, has invalid routes or claims a path that is taken is recorded as broken.

    left_out: called with each broken surface.
    """
    bound: list[BoundSurface] = []
    owners = dict.fromkeys(PATHS, CORE)
    for name in list(plugins.surfaces):
        try:
            surface = plugins.surface(name)
            routes = tuple(surface.routes())
            _check(surface, routes, owners)
        except Exception as error:  # an error in a plugin must not stop the other surfaces
            left_out(plugins.leave_out_surface(name, error))
            continue
        owners |= dict.fromkeys((route.path for route in routes), f"surface {name} of {plugins.origin[f'surface {name}']}")
        bound.append(BoundSurface(surface, routes))
    return bound


def surfaces_of(bound: Sequence[BoundSurface], codec: Codec, failed: Callable[[str, Exception], object]) -> tuple[str, ...]:
    """The names of the surfaces that serve a codec. failed: called with the name and the error of a surface that raises."""
    names = []
    for each in bound:
        try:
            if each.surface.serves(codec):
                names.append(each.name)
        except Exception as error:  # an error in a plugin must not stop the model
            failed(each.name, error)
    return tuple(names)


def _check(surface: Surface, routes: Sequence[Route], owners: dict[str, str]) -> None:
    """Raises FrameworkError with every problem of a surface. owners: path -> who answers the path, in words."""
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
    """Whether some address matches both paths, in which a part that begins with ``{`` matches any text."""
    parts, other_parts = path.split("/"), other.split("/")
    return len(parts) == len(other_parts) and all(
        part == other_part or part.startswith("{") or other_part.startswith("{")
        for part, other_part in zip(parts, other_parts, strict=True)
    )
