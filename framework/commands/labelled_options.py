"""Options of the verbs that read labelled files, and messages that name these options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from framework.contracts.data.format import Quote
from framework.data.joined import Columns
from framework.errors import InputError

_KEYS = re.compile(r"\bdata\.(\w+)=")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how a labelled file is read, and --json."""
    parser.add_argument("--column", metavar="ROLE=NAME", action="append", default=[], help="a column by name; default: found")
    parser.add_argument("--format", metavar="NAME", help="of the file, such as csv; default: found")
    parser.add_argument("--encoding", help="of the file; default: detected")
    parser.add_argument("--quote", choices=[quote.name for quote in Quote], help="what quotes are in the file; default: found")
    parser.add_argument("--json", type=Path, metavar="OUT", help="writes everything that is shown there too")


def columns_of(options: Sequence[str], roles: Sequence[str]) -> dict[str, Columns]:
    """By role, the header, or headers, that the options ``--column`` name.

    options: texts ROLE=NAME. roles: of the task. Raises InputError for another role or no name.
    """
    pairs = [option.partition("=") for option in options]
    wrong = [f"{role}{sign}{name}" for role, sign, name in pairs if role not in roles or not name]
    if wrong:
        raise InputError(f"--column {', '.join(wrong)}: write --column ROLE=NAME, where ROLE is {' or '.join(roles)}")
    names: Mapping[str, list[str]] = {role: [name for other, _, name in pairs if other == role] for role, _, _ in pairs}
    return {role: columns[0] if len(columns) == 1 else columns for role, columns in names.items()}


def check_out(out: Path | None) -> None:
    """Raises InputError if the file `out` exists or its folder does not; None: nothing to check."""
    if out is not None and out.exists():
        raise InputError(f"--json {out} exists; nothing was overwritten, name another file")
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--json {out}: no folder {out.parent}")


@contextmanager
def options_named(roles: Sequence[str]) -> Iterator[None]:
    """Replaces keys of a recipe by options of the command line in the messages of an InputError of the block.

    roles: of the task.
    """
    try:
        yield
    except InputError as error:
        raise InputError(*(with_options(problem, roles) for problem in error.problems)) from error


def with_options(text: str, roles: Sequence[str]) -> str:
    """The text with options of the command line in place of keys of a recipe, ``--column text=`` for ``data.text=``.

    roles: of the task.
    """
    options = {role: f"--column {role}=" for role in (*roles, "ROLE")} | {
        key: f"--{key} " for key in ("encoding", "quote", "format")
    }
    return _KEYS.sub(lambda match: options.get(match[1], match[0]), text)
