"""Errors a user can act on: shown without a traceback, each with the exit code it ends the process with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LONG = 80  # characters of a name that a message shows
MANY = 5000  # names among which no nearest one is looked for


class FrameworkError(Exception):
    """Something outside the program is wrong: the message says what, where, and what to write instead."""

    exit_code = 1


class InputError(FrameworkError):
    """What the user wrote, or a file they named, is wrong. Carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems: Sequence[str] = problems
        super().__init__("\n".join(problems))


class ParityError(FrameworkError):
    """An exported file does not compute what the trained model computes."""


def nearest(name: str, available: Iterable[str], what: str = "available") -> str:
    """A hint for a name that does not exist: ``did you mean x? available: a, b, c``."""
    names = sorted(available)
    close = difflib.get_close_matches(name[:LONG], names, n=1, cutoff=0.6) if len(names) < MANY else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}{what}: {some(names, quoted=False, most=100) or 'none'}"


def some(names: Sequence[str], *, quoted: bool = True, most: int = 12, longest: int = LONG) -> str:
    """Names for a message, the first of very many, the beginning of very long ones."""
    short = [name if len(name) <= longest else name[: longest - 1] + "…" for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(repr(name) if quoted else name for name in short) + more
