"""CoNLL files as tables: a row for each sentence, with its tokens and tags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework import Table
from framework_labeling.formats import COLUMNS, looks_like_conll, read_conll

HEAD = 1 << 15  # bytes that are looked at


def conll_table(path: Path) -> Table:
    """Raises InputError, which names file and lines, for what is no CoNLL."""
    sentences = read_conll(path).sentences
    columns: dict[str, Sequence[Sequence[str]]] = {
        COLUMNS[0]: [sentence.tokens for sentence in sentences],
        COLUMNS[1]: [sentence.tags for sentence in sentences],
    }
    return Table(columns, [sentence.line for sentence in sentences], str(path))


def table_if_conll(path: Path) -> Table | None:
    """The same for a file whose name may mean anything; None where its first lines are those of another format."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    lines = head.decode("utf-8-sig", "replace").splitlines()
    return conll_table(path) if looks_like_conll(lines if len(head) < HEAD else lines[:-1]) else None
