"""A format of its own: listings as an estate agent's program saves them."""

from collections.abc import Iterator

from framework import Claim, Format, InputError, ReadOptions, Row, Say, Sniffed, Sure

FIRST = "%listings"


class Listings(Format):
    """Lines ``name: value``, a listing after each empty line. The first line of a file is ``%listings``."""

    name = "listings"
    suffixes = (".lst",)

    def claims(self, file: Sniffed) -> Claim | None:
        if file.lines and file.lines[0] == FIRST:
            return Claim(Sure.CERTAIN, f"its first line is {FIRST}")
        return super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row]:
        values: dict[str, str] = {}
        first = 0  # line of the listing
        with file.open_text() as stream:
            for number, line in enumerate(stream, start=1):
                name, colon, value = line.partition(":")
                if colon:
                    values[name.strip()] = value.strip()
                    first = number if len(values) == 1 else first
                elif line.strip() not in ("", FIRST):
                    raise InputError(f"{file.path}, line {number}: no colon; write a name, a colon and a value")
                elif values:
                    yield Row(first, values)
                    values = {}
        if values:
            yield Row(first, values)
