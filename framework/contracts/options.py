"""The typed sections of a recipe that plugins declare as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Metadata of a field of options: on a command line all behind the first `=` is its value. The second takes lists, [a,b], too.
AS_WRITTEN: Mapping[str, str] = {"as_written": "name"}
NAMES_AS_WRITTEN: Mapping[str, str] = {"as_written": "names"}
# Metadata of an option of a candidate, in minutes, None for no limit: with recipe=auto the budget takes its place.
TIME_LIMIT: Mapping[str, bool] = {"time_limit": True}


@dataclass
class NoOptions:
    """For tasks, candidates and exporters without settings."""
