"""Rows as text, by column. Nothing is converted: ``007`` stays ``007`` and ``NA`` stays ``NA``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    lines: for each row the line of `source` it starts on, counted from 1.
    """

    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int] = ()
    source: str = ""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def name(self) -> str:
        return Path(self.source).name

    def take(self, indices: Sequence[int] | np.ndarray) -> Table:
        columns = {name: [values[i] for i in indices] for name, values in self.columns.items()}
        return Table(columns, [self.lines[i] for i in indices], self.source)

    def where(self, index: int) -> str:
        return f"{self.source}, line {self.lines[index]}"

    def digest(self) -> str:
        """sha256 over names and values, independent of where the rows came from."""
        digest = hashlib.sha256()
        for name in sorted(self.columns):
            for value in (name, *self.columns[name]):
                encoded = value.encode("utf-8", "surrogatepass")
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()


@dataclass(frozen=True)
class Splits:
    """Rows to learn from, to decide on, and to judge by; no text stands in two of them.

    notes: what was inferred and cleaned, a sentence each.
    about: source, licence and fingerprint, as plain data for the manifest.
    """

    train: Table
    validation: Table
    test: Table
    notes: Sequence[str] = ()
    about: Mapping[str, object] = field(default_factory=dict)

    def rows(self) -> dict[str, int]:
        return {name: len(table) for name, table in self.named().items()}

    def named(self) -> dict[str, Table]:
        return {"train": self.train, "validation": self.validation, "test": self.test}
