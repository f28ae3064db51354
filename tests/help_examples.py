"""The examples that a verb's ``--help`` shows, for tests that run them."""

from __future__ import annotations

import io
import shlex
from contextlib import redirect_stdout

from framework.__main__ import main

COMMAND = "python -m framework "


def examples(*verbs: str) -> list[str]:
    """Every example command in the help of these verbs, without ``python -m framework`` and without its comment."""
    return [line for verb in verbs for line in _examples(verb)]


def words(example: str, **instead: str) -> list[str]:
    """Its arguments, as a shell parts them. instead: other words for some, by what they say."""
    return [instead.get(word, word) for word in shlex.split(example)]


def _examples(verb: str) -> list[str]:
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert main([verb, "--help"]) == 0
    lines = [line.strip() for line in shown.getvalue().partition("examples:")[2].splitlines()]
    found = [line.removeprefix(COMMAND).split("  ")[0] for line in lines if line.startswith(COMMAND)]
    assert found, f"{verb} --help shows no example"
    return found
