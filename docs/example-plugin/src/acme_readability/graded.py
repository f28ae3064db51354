"""A format of its own: graded readers, texts in one file with a heading that grades each."""

import re
from collections.abc import Iterator

from framework import Claim, Format, InputError, ReadOptions, Row, Say, Sniffed, Sure

HEADING = re.compile(r"#\s*grade\s*:(.*)", re.IGNORECASE)


class GradedReader(Format):
    """Texts, each below a line ``# grade: 5``."""

    name = "graded_reader"
    suffixes = (".grd",)

    def claims(self, file: Sniffed) -> Claim | None:
        if file.lines and HEADING.match(file.lines[0]):
            return Claim(Sure.CERTAIN, "its first line is a grade")
        return super().claims(file)

    def read(self, file: Sniffed, options: ReadOptions, say: Say) -> Iterator[Row]:
        row = None
        with file.open_text() as stream:
            for number, line in enumerate(stream, start=1):
                if heading := HEADING.match(line):
                    if row:
                        yield row
                    row = Row(number, {"grade": heading[1].strip(), "text": ""})
                elif row:
                    row.values["text"] += line
                elif line.strip():
                    raise InputError(f"{file.path}, line {number}: no grade; write a line such as '# grade: 5' above each text")
        if row:
            yield row
