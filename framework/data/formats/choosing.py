"""Which format reads a file: each says how sure it is that the file is its own, and the surest does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from framework.contracts.data.format import Claim, Encoding, Format, Sniffed, Sure
from framework.contracts.message import message
from framework.errors import InputError
from framework.plugins import OURS, Plugins, load_plugins

Say = Callable[[str], None]

# Files of nobody. A format that is more than possibly theirs claims every file, and would take those of all others.
NOBODYS = (
    Sniffed(Path("x.nobodys"), ".nobodys", None, b"~\n", True, Encoding("utf-8", True)),
    Sniffed(Path("x.nobodys"), ".nobodys", None, b"\x07\x00\xf7\x01", True, None),
)


class Claimed(NamedTuple):
    """A format that claims a file, where it came from, and what it says."""

    file_format: Format
    distribution: str
    claim: Claim

    def __str__(self) -> str:
        return f"{self.file_format.name!r} of {self.distribution} ({self.claim.why})"


def choose(file: Sniffed, name: str | None, task: str | None, say: Say) -> Format:
    """name: of the format; None: the surest of those for any task and for this one. say: told of formats that were not asked.

    Raises InputError where none claims the file, or two are equally sure.
    """
    plugins = load_plugins()
    if name is not None:
        return plugins.format(name)
    formats = [pair for pair in plugins.every_format() if not pair[0].tasks or task in pair[0].tasks]
    claimed = [Claimed(*pair, claim) for pair in formats if (claim := _claim(*pair, file, say)) is not None]
    if not claimed:
        raise InputError(_unknown(file, [file_format for file_format, _ in formats], plugins))
    most = max(one.claim.sure for one in claimed)
    surest = [one for one in claimed if one.claim.sure == most]
    if len(surest) > 1:
        keys = " or ".join(f"data.format={one.file_format.name}" for one in surest)
        raise InputError(
            f"{file.path} is claimed by {len(surest)} formats: {' and '.join(map(str, surest))}; "
            f"{keys} decides (predict --format NAME)"
        )
    reads = surest[0]
    if reads.distribution.split(" ")[0] != OURS:
        say(message("{file} was read by the format {format}", file=file.path.name, format=str(reads)))
    return reads.file_format


def _claim(file_format: Format, distribution: str, file: Sniffed, say: Say) -> Claim | None:
    """What a format says of a file; None too for one that fails, or that claims every file, which is said."""
    named = message("format {format!r} of {distribution}", format=file_format.name, distribution=distribution)
    if _claims_every_file(file_format):
        say(
            message(
                "{named} claims every file, so it is not asked; data.format={format} reads with it",
                named=named,
                format=file_format.name,
            )
        )
        return None
    try:
        return _asked(file_format, file)
    except Exception as error:  # whatever a stranger's format raises must not stop the others
        say(
            message(
                "{named} was not asked about {file}: it fails there, {error}",
                named=named,
                file=file.path.name,
                error=f"{type(error).__name__}: {error}",
            )
        )
        return None


def _asked(file_format: Format, file: Sniffed) -> Claim | None:
    claim: object = file_format.claims(file)
    if claim is None or isinstance(claim, Claim):
        return claim
    raise TypeError(f"claims gave {claim!r}, which is no Claim and not None")


@lru_cache(maxsize=256)
def _claims_every_file(file_format: Format) -> bool:
    for file in NOBODYS:
        try:
            claim = _asked(file_format, file)
        except Exception:  # it is told of the file that is really there
            return False
        if claim is not None and claim.sure > Sure.POSSIBLE:
            return True
    return False


def _unknown(file: Sniffed, formats: Sequence[Format], plugins: Plugins) -> str:
    if file.foreign is not None:
        return f"{file.path} is {file.foreign}"
    suffixes = dict.fromkeys(suffix for file_format in formats for suffix in file_format.suffixes)
    names = ", ".join(file_format.name for file_format in formats)
    broken = "".join(f"\n{plugin}" for plugin in plugins.broken)
    return (
        f"cannot read {file.path}: a file must end in one of {', '.join(suffixes)}, a text one also in .gz; "
        f"data.format=NAME (predict --format NAME) reads it whatever its name, as one of {names}{broken}"
    )
