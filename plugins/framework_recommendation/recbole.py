"""RecBole's atomic files: separated by tabs, with a type behind the name of each column, such as user_id:token."""

from __future__ import annotations

import re
from typing import ClassVar

from framework import Claim, Delimited, Say, Sniffed, Sure, message

TYPED = re.compile(r"(.+):(token|token_seq|float|float_seq)")
TEXT = (".csv", ".tsv", ".tab", ".txt")  # suffixes of files that are RecBole's where their header has types


class RecBole(Delimited):
    """Atomic files of interactions, items and users."""

    name: ClassVar[str] = "recbole"
    suffixes: ClassVar[tuple[str, ...]] = (".inter", ".item", ".user")
    tabs: ClassVar[tuple[str, ...]] = suffixes

    def claims(self, file: Sniffed) -> Claim | None:
        header = re.split("[\t,;|]", file.lines[0]) if file.suffix in TEXT and file.lines else [""]
        if all(TYPED.fullmatch(name.strip(' "')) for name in header):
            return Claim(Sure.CERTAIN, "the names of its columns have RecBole's types")
        return super().claims(file)

    def names(self, file: Sniffed, header: list[str], say: Say) -> list[str]:
        """The names of the columns without their types."""
        typed = [TYPED.fullmatch(name) for name in header]
        if not all(typed):
            return header
        say(
            message(
                "{file}: the types behind the names of its columns ({column}, as RecBole writes them) were left out",
                file=file.path.name,
                column=header[0],
            )
        )
        return [match[1] for match in typed if match]
