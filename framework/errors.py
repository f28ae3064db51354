"""Errors that a user can act on, shown without a traceback, each with the exit code of the process."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

LONG = 80  # characters of a name that a message shows, at most
MANY = 5000  # number of names from which on `nearest` looks for no similar name


class FrameworkError(Exception):
    """Something outside the program is wrong. The message says what, where, and what to write instead."""

    exit_code = 1


class RankFailedError(FrameworkError):
    """A process of a distributed training has failed."""


class InputError(FrameworkError):
    """Something that the user wrote, or a file that the user named, is wrong. `problems` holds every problem, not only one."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        self.problems: Sequence[str] = problems
        super().__init__("\n".join(problems))


class ParityError(FrameworkError):
    """The outputs of an exact file differ from those of the trained module by more than the tolerance."""


def nearest(name: str, available: Iterable[str], what: str = "available") -> str:
    """A hint for a name that is not available: ``did you mean x? available: a, b, c``. what: the word before the list of
    available names.
    """
    names = sorted(available)
    close = difflib.get_close_matches(name[:LONG], names, n=1, cutoff=0.6) if len(names) < MANY else []
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}{what}: {some(names, quoted=False, most=100) or 'none'}"


def some(names: Sequence[str], *, quoted: bool = True, most: int = 12, longest: int = LONG) -> str:
    """The first `most` names for a message, with commas between them, and how many more there are.

    longest: characters of a name, at most; a longer name is cut.
    """
    short = [name if len(name) <= longest else name[: longest - 1] + "…" for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(repr(name) if quoted else name for name in short) + more
