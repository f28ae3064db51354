"""Records of a registry: a file for each change, with all versions and aliases after it. No file is ever overwritten."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from framework.artifact.stores import HISTORY, Store
from framework.contracts.plain import from_plain, to_plain
from framework.errors import InputError, nearest

FORMAT = 1
CHAMPION, PREVIOUS, CHALLENGER, LATEST = "champion", "previous", "challenger", "latest"
NUMBER, VERSION = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9a-f]{12}")
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class RegisteredVersion:
    """One artifact of a registry."""

    number: int
    """From 1; never reused."""
    version: str
    """The first characters of the seal; the name of the artifact's folder in the registry."""
    seal: str
    registered: str
    """When the artifact was registered: ISO 8601, UTC."""
    task: str
    recipe: str
    metric: str
    """The name of the metric that the artifact's run was judged by."""
    value: float
    """The value of that metric on the test rows of the run."""
    source: str
    """The path from which the artifact was registered."""


@dataclass(frozen=True)
class Record:
    """All versions and aliases of a registry after one change."""

    change: str
    """The change in words."""
    when: str
    """When the change was made: ISO 8601, UTC."""
    versions: tuple[RegisteredVersion, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    """Alias to the number of a version."""
    format: int = FORMAT

    def find(self, reference: str, where: str) -> RegisteredVersion:
        """The version that a number, version, alias or ``latest`` refers to. Raises InputError, which lists what there is.

        where: the address of the registry, for messages.
        """
        if reference == LATEST and self.versions:
            return self.versions[-1]
        number = int(reference) if NUMBER.fullmatch(reference) else self.aliases.get(reference)
        for entry in self.versions:
            if entry.number == number or entry.version == reference:
                return entry
        raise InputError(f"{where}@{reference}: {self._why_missing(reference, where)}")

    def _why_missing(self, reference: str, where: str) -> str:
        if not self.versions:
            return f"no version is registered; python -m framework register ARTIFACT {where}"
        numbers = f"versions: 1 to {len(self.versions)}" if len(self.versions) > 1 else "version: 1"
        if reference == CHAMPION:
            return f"there is no champion; {numbers}; python -m framework promote {where}@{self.versions[-1].number} makes one"
        if NUMBER.fullmatch(reference) or VERSION.fullmatch(reference):
            return f"no such version; {numbers}"
        return f"no such alias; {nearest(reference, self.aliases, 'aliases')}; {numbers}"

    def aliases_of(self, number: int) -> list[str]:
        return [alias for alias, target in self.aliases.items() if target == number]

    def with_alias(self, alias: str, number: int) -> Record:
        """The record with `alias` pointing at the version `number`.

        A new ``champion`` makes the former one ``previous``, and ``challenger`` is removed where that points at the new
        champion.
        """
        aliases = {**self.aliases, alias: number}
        champion = self.aliases.get(CHAMPION)
        if alias == CHAMPION and champion not in (None, number):
            aliases[PREVIOUS] = self.aliases[CHAMPION]
        if alias == CHAMPION and aliases.get(CHALLENGER) == number:
            del aliases[CHALLENGER]
        return replace(self, aliases=aliases)

    @property
    def content(self) -> tuple[Sequence[RegisteredVersion], Mapping[str, int]]:
        return self.versions, self.aliases


def record_name(number: int) -> str:
    return f"{HISTORY}/{number:06}.json"


def read_records(store: Store) -> tuple[Record, int]:
    """The last record and its number; an empty record and 0 where there is no registry.

    Raises InputError where records are missing or damaged.
    """
    names = store.names(HISTORY)
    for number, name in enumerate(names, start=1):
        if record_name(number) != f"{HISTORY}/{name}":
            raise InputError(
                f"{store.address}/{record_name(number)} is missing, although {name} is there: the registry was copied in part; "
                "copy it again"
            )
    if not names:
        return Record("", ""), 0
    return _read(store, record_name(len(names))), len(names)


def write_record(store: Store, record: Record, number: int) -> None:
    """Writes a record under a number, from 1. Raises FileExistsError where another writer has written that number."""
    store.create(record_name(number), json.dumps(to_plain(record), indent=1, ensure_ascii=False).encode())


def _read(store: Store, name: str) -> Record:
    place = f"{store.address}/{name}"
    try:
        content = json.loads(store.read(name))
        if isinstance(content, dict) and content.get("format") != FORMAT:
            raise InputError(f"{place} has format {content.get('format')}; this version reads format {FORMAT}")
        record = from_plain(Record, content)
    except (OSError, ValueError) as error:
        raise InputError(f"{place} is damaged: {error}; copy the registry again") from error
    numbers = [entry.number for entry in record.versions]
    if numbers != list(range(1, len(numbers) + 1)):
        raise InputError(f"{place} is damaged: its versions have the numbers {numbers}; copy the registry again")
    dangling = [f"{alias} points at version {number}" for alias, number in record.aliases.items() if number not in numbers]
    if dangling:
        raise InputError(f"{place}: {', '.join(dangling)}, which is not registered; copy the registry again")
    return record
