"""Chooses the format that reads a file: the one that claims the file with the most certainty."""

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

# Files that no format knows. A format that claims them as LIKELY or CERTAIN would take the files of all other formats.
UNKNOWN_FILES = (
    Sniffed(Path("x.nobodys"), ".nobodys", None, b"~\n", True, Encoding("utf-8", True)),
    Sniffed(Path("x.nobodys"), ".nobodys", None, b"\x07\x00\xf7\x01", True, None),
)


class Claimant(NamedTuple):
    """A format that claims a file."""

    file_format: Format
    distribution: str
    """Name and version of the distribution that provides the format."""
    claim: Claim

    def __str__(self) -> str:
        return f"{self.file_format.name!r} of {self.distribution} ({self.claim.why})"


def choose(file: Sniffed, name: str | None, task: str | None, say: Say) -> Format:
    """The format of this name, or without a name the surest of those for every task and for `task`.

    task: name of a task; None: only formats for every task. say: takes notes on formats of plugins that read the file or could
    not be asked. Raises InputError for an unknown name, where no format claims the file, and where two are the surest.
    """
    plugins = load_plugins()
    if name is not None:
        return plugins.format(name)
    formats = [pair for pair in plugins.every_format() if not pair[0].tasks or task in pair[0].tasks]
    claimants = [Claimant(*pair, claim) for pair in formats if (claim := _claim(*pair, file, say)) is not None]
    if not claimants:
        raise InputError(_unknown(file, [file_format for file_format, _ in formats], plugins))
    most = max(claimant.claim.sure for claimant in claimants)
    surest = [claimant for claimant in claimants if claimant.claim.sure == most]
    if len(surest) > 1:
        keys = " or ".join(f"data.format={claimant.file_format.name}" for claimant in surest)
        raise InputError(
            f"{file.path} is claimed by {len(surest)} formats: {' and '.join(map(str, surest))}; "
            f"{keys} decides (predict --format NAME)"
        )
    chosen = surest[0]
    if chosen.distribution.split(" ")[0] != OURS:
        say(message("{file} was read by the format {format}", file=file.path.name, format=str(chosen)))
    return chosen.file_format


def _claim(file_format: Format, distribution: str, file: Sniffed, say: Say) -> Claim | None:
    """The format's claim on a file; None, with a note, also for a format that fails or that claims every file."""
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
        return _checked_claim(file_format, file)
    except Exception as error:  # an error of a plugin's format must not stop the others
        say(
            message(
                "{named} was not asked about {file}: it fails there, {error}",
                named=named,
                file=file.path.name,
                error=f"{type(error).__name__}: {error}",
            )
        )
        return None


def _checked_claim(file_format: Format, file: Sniffed) -> Claim | None:
    """What `claims` returns. Raises TypeError for anything but a `Claim` or None."""
    claim: object = file_format.claims(file)
    if claim is None or isinstance(claim, Claim):
        return claim
    raise TypeError(f"claims gave {claim!r}, which is no Claim and not None")


@lru_cache(maxsize=256)
def _claims_every_file(file_format: Format) -> bool:
    for file in UNKNOWN_FILES:
        try:
            claim = _checked_claim(file_format, file)
        except Exception:  # `_claim` notes the error when it asks about a real file
            return False
        if claim is not None and claim.sure > Sure.POSSIBLE:
            return True
    return False


def _unknown(file: Sniffed, formats: Sequence[Format], plugins: Plugins) -> str:
    """The message for a file that no format claims."""
    if file.foreign is not None:
        return f"{file.path} is {file.foreign}"
    suffixes = dict.fromkeys(suffix for file_format in formats for suffix in file_format.suffixes)
    names = ", ".join(file_format.name for file_format in formats)
    broken = "".join(f"\n{plugin}" for plugin in plugins.broken)
    return (
        f"cannot read {file.path}: a file must end in one of {', '.join(suffixes)}, a text one also in .gz; "
        f"data.format=NAME (predict --format NAME) reads it whatever its name, as one of {names}{broken}"
    )
