"""The typed sections of a recipe that plugins declare as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AS_WRITTEN: Mapping[str, str] = {"as_written": "name"}
"""Metadata of an option that holds a name: on a command line everything after the first `=` is its value, without quotes."""
NAMES_AS_WRITTEN: Mapping[str, str] = {"as_written": "names"}
"""Metadata of an option that holds a name or a list of names, [a,b]."""
TIME_LIMIT: Mapping[str, bool] = {"time_limit": True}
"""Metadata of an option that limits the minutes of a fit, None for no limit: with recipe=auto the budget takes its place."""

REPEATS: Mapping[str, bool] = {"repeats": True}
"""Metadata of an option that names the folder of a trial whose training is repeated step by step, None for no such trial: what
time decided in a run is replayed by it."""


@dataclass
class NoOptions:
    """The options of a task, candidate, exporter or tracker that has none."""
