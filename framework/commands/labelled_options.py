"""What verbs that read labelled files have in common: options, and messages that name them."""

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
    parser.add_argument("--column", metavar="ROLE=NAME", action="append", default=[], help="a column by name; default: found")
    parser.add_argument("--format", metavar="NAME", help="of the file, such as csv; default: found")
    parser.add_argument("--encoding", help="of the file; default: detected")
    parser.add_argument("--quote", choices=[quote.name for quote in Quote], help="what quotes are in the file; default: found")
    parser.add_argument("--json", type=Path, metavar="OUT", help="writes everything that is shown there too")


def columns_of(given: Sequence[str], roles: Sequence[str]) -> dict[str, Columns]:
    """Role -> its column; columns where it is named more than once."""
    pairs = [text.partition("=") for text in given]
    wrong = [f"{role}{sign}{name}" for role, sign, name in pairs if role not in roles or not name]
    if wrong:
        raise InputError(f"--column {', '.join(wrong)}: write --column ROLE=NAME, where ROLE is {' or '.join(roles)}")
    names: Mapping[str, list[str]] = {role: [name for other, _, name in pairs if other == role] for role, _, _ in pairs}
    return {role: columns[0] if len(columns) == 1 else columns for role, columns in names.items()}


def check_out(out: Path | None) -> None:
    """Raises InputError where nothing can be written."""
    if out is not None and out.exists():
        raise InputError(f"--json {out} exists; nothing was overwritten, name another file")
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--json {out}: no folder {out.parent}")


@contextmanager
def options_named(roles: Sequence[str]) -> Iterator[None]:
    """Names the options of the command where a message of the block names a recipe's keys."""
    try:
        yield
    except InputError as error:
        raise InputError(*(with_options(problem, roles) for problem in error.problems)) from error


def with_options(text: str, roles: Sequence[str]) -> str:
    options = {role: f"--column {role}=" for role in (*roles, "ROLE")} | {
        key: f"--{key} " for key in ("encoding", "quote", "format")
    }
    return _KEYS.sub(lambda match: options.get(match[1], match[0]), text)
