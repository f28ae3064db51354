"""A registry: the versions of one name, each with a permanent number, and the aliases that point at them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from framework.artifact.manifest import Manifest, read_manifest
from framework.artifact.registry_record import (
    ALIAS,
    CHAMPION,
    LATEST,
    PREVIOUS,
    VERSION,
    Record,
    RegisteredVersion,
    read_records,
    write_record,
)
from framework.artifact.remote_store import RemoteStore
from framework.artifact.stores import ARTIFACTS, HISTORY, LocalStore, Store
from framework.artifact.verification import verify
from framework.errors import FrameworkError, InputError
from framework.machine.disk import shown

ATTEMPTS = 50  # tries of one change, at most, while other writers write their records first
ONE_WRITER = "this store cannot tell two writers apart: see that one process at a time changes the registry"


class Registry:
    """The versions of one model name, at an address such as ``registry/support``, or with ``://``, which fsspec opens.

        framework.Registry("registry/support").register("runs/support/latest", alias="challenger")

    Every change is a further file in ``history/``. Of two concurrent writers only one can create it; the other reads the new
    record and tries again. Readers see all of a change or none of it, and no registered file is ever overwritten.
    """

    def __init__(self, address: str | Path) -> None:
        text = str(address)
        self.store: Store = RemoteStore(text) if "://" in text else LocalStore(Path(text))
        if "@" in self.name:
            raise InputError(f"{text}: the name of a registry has no @, which stands before an alias or a version")

    @property
    def address(self) -> str:
        return self.store.address

    @property
    def name(self) -> str:
        return self.address.rstrip("/").rpartition("/")[2]

    @property
    def caution(self) -> str:
        """A warning to show before a change, where the store cannot tell two writers apart; else empty."""
        return "" if self.store.exclusive else f"{self.address}: {ONE_WRITER}"

    def record(self) -> Record:
        """All versions and aliases. Raises InputError where there is no registry, or the registry is damaged."""
        record, number = read_records(self.store)
        if not number:
            raise InputError(f"no registry at {self.address}; python -m framework register ARTIFACT {self.address} makes one")
        return record

    def find(self, reference: str = CHAMPION) -> RegisteredVersion:
        """The version that an alias, number, version or ``latest`` refers to. Raises InputError, which lists what there is."""
        return self.record().find(reference, self.address)

    def folder(self, reference: str = CHAMPION) -> Path:
        """A local folder that holds the artifact of a version. reference: as for `find`.

        Raises InputError for an unknown reference, and where the artifact is missing or is not the registered one.
        """
        entry = self.find(reference)
        remedy = f"registering the artifact again puts version {entry.number} back; it was at {entry.source}"
        try:
            folder = self.store.fetch(entry.version)
            if read_manifest(folder).seal != entry.seal:
                raise InputError(f"{folder} is not the artifact that was registered as version {entry.number}")
        except InputError as error:
            raise InputError(*error.problems, remedy) from error
        return folder

    def register(self, artifact: str | Path, alias: str | None = None) -> RegisteredVersion:
        """Verifies an artifact and copies it into the registry; an artifact that is registered already keeps its number.

        alias: points at the version afterwards; ``champion`` is allowed; None: no alias is changed. Raises InputError for a
        folder that is no intact artifact and for an artifact of another task, and FrameworkError where the registry cannot be
        written.
        """
        from framework.artifact.sealed import open_artifact

        if alias is not None:
            _check_alias(alias)
        self._check_place()
        sealed = open_artifact(artifact)
        self._check_task(read_records(self.store)[0], sealed.manifest)
        self.store.keep(sealed.folder, sealed.version)
        return self._register(sealed.manifest, str(sealed.folder.resolve()), alias).find(sealed.version, self.address)

    def _register(self, manifest: Manifest, source: str, alias: str | None) -> Record:
        def change(record: Record) -> Record:
            self._check_task(record, manifest)
            entry = next((version for version in record.versions if version.seal == manifest.seal), None)
            if entry is None:
                entry = _entry(manifest, len(record.versions) + 1, source)
                record = replace(record, versions=(*record.versions, entry))
            named = record.with_alias(alias, entry.number) if alias is not None else record
            return replace(named, change=f"registered {entry.number}{f' as {alias}' if alias else ''}")

        return self._change(change)

    def promote(self, reference: str) -> Record:
        """Makes a version the champion, and the former champion ``previous``, in one change.

        reference: as for `find`. Raises InputError for an unknown reference and for a damaged artifact.
        """

        def change(record: Record) -> Record:
            entry = record.find(reference, self.address)
            verify(self.store.fetch(entry.version))
            return replace(record.with_alias(CHAMPION, entry.number), change=f"promoted {entry.number}")

        self.record()
        return self._change(change)

    def rollback(self) -> Record:
        """Swaps ``champion`` and ``previous`` in one change. Raises InputError where there is no previous champion."""

        def change(record: Record) -> Record:
            if PREVIOUS not in record.aliases:
                raise InputError(f"{self.address} has no previous champion to go back to")
            number = record.aliases[PREVIOUS]
            return replace(record.with_alias(CHAMPION, number), change=f"rolled back to {number}")

        self.record()
        return self._change(change)

    def _change(self, change: Callable[[Record], Record]) -> Record:
        """Applies `change` to the last record and writes the result; starts again where another writer wrote a record first.

        Returns the record that is the last one afterwards. Raises FrameworkError after `ATTEMPTS` tries.
        """
        for attempt in range(ATTEMPTS):
            record, number = read_records(self.store)
            changed = replace(change(record), when=_now())
            if changed.content == record.content:
                return record
            try:
                write_record(self.store, changed, number + 1)
            except FileExistsError:
                time.sleep(random.uniform(0, 0.01 * (attempt + 1)))  # noqa: S311
                continue
            return changed
        raise FrameworkError(f"{self.address} was changed by others {ATTEMPTS} times while this was tried; try again")

    def _check_place(self) -> None:
        """Raises InputError where the local address is a file, or a folder that holds other things than a registry."""
        if not isinstance(self.store, LocalStore):
            return
        if self.store.path.exists() and not self.store.path.is_dir():
            raise InputError(f"{self.address} is a file; a registry is a folder, such as registry/NAME")
        others = [name for name in self.store.names("") if name not in (ARTIFACTS, HISTORY)]
        if others and not self.store.names(HISTORY):
            raise InputError(f"{self.address} holds other things and is no registry: {others[0]}; name another folder")

    def _check_task(self, record: Record, manifest: Manifest) -> None:
        tasks = {entry.task for entry in record.versions}
        if tasks and manifest.task not in tasks:
            raise InputError(
                f"{self.address} holds artifacts of the task {', '.join(tasks)}, and this one is of {manifest.task}; "
                "whoever asks the champion would get other answers: register it under another name"
            )


def registered_at(address: str | Path) -> tuple[Registry, str] | None:
    """The registry and the reference in an address ``REGISTRY@REFERENCE``; without a reference, `CHAMPION`.

    None: the address is that of no registry.
    """
    text = str(address)
    before, at, reference = text.rpartition("@")
    has_reference = bool(at) and bool(before) and "/" not in reference
    if "://" in text:
        return (Registry(before), reference) if has_reference else (Registry(text), CHAMPION)
    if Path(text).exists():
        return (Registry(text), CHAMPION) if (Path(text) / HISTORY).is_dir() else None
    return (Registry(before), reference) if has_reference else None


def source_of(address: str) -> str:
    """The path from which the artifact at a registry's address was registered; any other address unchanged."""
    registered = registered_at(address)
    if registered is None:
        return address
    registry, reference = registered
    return str(shown(Path(registry.find(reference).source)))


def _check_alias(alias: str) -> None:
    if alias in (PREVIOUS, LATEST):
        raise InputError(f"the alias {alias} is kept by the registry itself; another name, such as challenger, may be given")
    if not ALIAS.fullmatch(alias) or VERSION.fullmatch(alias):
        raise InputError(f"{alias!r} cannot be an alias: small letters, digits, - and _ can, after a letter; no version's name")


def _entry(manifest: Manifest, number: int, source: str) -> RegisteredVersion:
    return RegisteredVersion(
        number=number,
        version=manifest.version,
        seal=manifest.seal,
        registered=_now(),
        task=manifest.task,
        recipe=manifest.recipe,
        metric=manifest.metric.name,
        value=manifest.evaluation.candidates[manifest.candidate][manifest.metric.name],
        source=source,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
