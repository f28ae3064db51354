"""Unifies the spellings of labels: one spelling for each label."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from framework.contracts.data.cells import Cell, labels_in
from framework.contracts.data.table import Table
from framework.contracts.message import joined, listed, message

SHOWN = 5  # changed labels named in a note
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0*")  # a whole number with a fraction of zero


class Spellings:
    """The one spelling of each label.

    Labels that differ only in letter case, in spaces around or between words, or in Unicode composition count as one. So do 1
    and 1.0, and combinations of the same labels in another order. In the first table that has the label, its most frequent
    spelling is chosen, for a whole number the one without a decimal point; later tables get the same spelling.
    """

    def __init__(self, role: str, decided: Iterable[str] = (), separator: str | None = None, hint: str = "") -> None:
        """role: of the column with the labels. decided: labels whose spelling is fixed already. separator: between the labels
        of a combination; None: there are no combinations. hint: how to avoid the change, added to each note.
        """
        self.role, self.separator, self.hint = role, separator, hint
        self.chosen = {self._key(label): label for label in decided}

    def unify(self, table: Table) -> tuple[Table, list[str]]:
        """The table with one spelling for each label, and a note where labels were changed."""
        counts = Counter(label for cell in table.columns[self.role] for label in labels_in(cell))
        for value, _ in sorted(counts.most_common(), key=lambda pair: bool(_WHOLE.fullmatch(pair[0].strip()))):
            self.chosen.setdefault(self._key(value), value.strip())
        mapping = {value: self.chosen[self._key(value)] for value in counts}
        changed = defaultdict[str, list[str]](list)
        for value, spelling in mapping.items():
            if value != spelling:
                changed[spelling].append(value)
        rows = sum(counts[value] for values in changed.values() for value in values)
        column = [_mapped(cell, mapping) for cell in table.columns[self.role]]
        table = replace(table, columns={**table.columns, self.role: column})
        return table, [self._note(table, changed, rows)] if rows else []

    def _note(self, table: Table, changed: dict[str, list[str]], rows: int) -> str:
        shown: str = joined(
            [
                message("{values} as {spelling!r}", values=listed(values), spelling=spelling)
                for spelling, values in list(changed.items())[:SHOWN]
            ],
            ", ",
        )
        if len(changed) > SHOWN:
            shown = message("{names} and {count:,} more", names=shown, count=len(changed) - SHOWN)
        how = message("case, spaces or a fraction of zero") if any(map(_is_whole, changed)) else message("case or spaces")
        if self.separator:
            how = message("{how}, or in the order of its labels", how=how)
        note = message(
            "{rows:,} rows of {file} have a {role} that differs from another only in {how} and count as it: {shown}",
            rows=rows,
            file=table.name,
            role=self.role,
            how=how,
            shown=shown,
        )
        return joined([note, self.hint], "; ") if self.hint else note

    def _key(self, value: str) -> str:
        if self.separator and self.separator in value:
            return "\x1f".join(sorted(map(_key, value.split(self.separator))))
        return _key(value)


def _mapped(cell: Any, mapping: Mapping[str, str]) -> Cell:
    return mapping[cell] if isinstance(cell, str) else sorted({mapping[label] for label in cell})


def _key(value: str) -> str:
    plain = " ".join(unicodedata.normalize("NFC", value).casefold().split())
    whole = _WHOLE.fullmatch(plain)
    return plain if whole is None else "0" if whole[1] == "-0" else whole[1]


def _is_whole(value: str) -> bool:
    return value.lstrip("-").isdecimal() or _WHOLE.fullmatch(value) is not None
