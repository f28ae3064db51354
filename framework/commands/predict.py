"""``predict``: answers from the command line, with onnxruntime alone."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import InputError

if TYPE_CHECKING:
    from framework.data.table import Row
    from framework.graphs import Response
    from framework.runtime.model import Model

EXAMPLES = """examples:
  python -m framework predict runs/sentiment/latest "what a lovely flight" "my bag is lost"
  python -m framework predict runs/sentiment/latest --file reviews.csv --out answers.csv
  python -m framework predict runs/sentiment/latest --file reviews.jsonl --out answers.jsonl
  python -m framework predict runs/sentiment/latest --variant onnx "in fp32"

ARTIFACT is an artifact, a run, or a latest link. A file's text column may be called as in the training data."""


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m framework predict",
        description="Answers requests with a sealed artifact.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT")
    parser.add_argument("texts", metavar="TEXT", nargs="*", help="texts, or requests as JSON; one JSON line each")
    parser.add_argument("--file", type=Path, help="csv, tsv, jsonl, yaml (each also .gz) or parquet with the task's columns")
    parser.add_argument("--out", type=Path, help="where the answers to --file go: .csv, .tsv or .jsonl, a row for each row")
    parser.add_argument("--encoding", help="of --file; default: detected")
    parser.add_argument("--variant", help="a variant of the artifact; default: the one its run decided on")
    options = parser.parse_args(arguments)
    if bool(options.texts) == bool(options.file) or bool(options.file) != bool(options.out):
        raise InputError("give texts, or --file IN and --out OUT; see predict --help")
    if options.file:
        _check_paths(options.file, options.out)
    from framework.runtime.model import load_model

    model = load_model(options.artifact, options.variant)
    if options.file:
        rows = answer_file(model, options.file, options.out, options.encoding)
        print(f"{rows:,} answers in {options.out}", file=sys.stderr)
        return 0
    requests = [_request(text) for text in options.texts]
    for request, response in zip(requests, model.predict(requests), strict=True):
        print(json.dumps({"request": request, **response}, ensure_ascii=False))
    return 0


def _request(argument: str) -> Any:
    """A JSON object is a request with several fields; anything else is a text."""
    if argument.lstrip().startswith("{"):
        try:
            return json.loads(argument)
        except ValueError:
            return argument
    return argument


def _check_paths(source: Path, out: Path) -> None:
    if not source.is_file():
        raise InputError(f"no file {source}")
    if out.suffix not in (".csv", ".tsv", ".jsonl"):
        raise InputError(f"--out {out}: the name must end in .csv, .tsv or .jsonl")
    if out.exists():
        raise InputError(f"--out {out} exists; nothing was overwritten, name another file")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: no folder {out.parent}")


def answer_file(model: Model, source: Path, out: Path, encoding: str | None = None) -> int:
    """Streams a file through the model. `out` appears under its name when it is complete; returns its rows.

    Its rows are those of `source` with the answer in columns ``predicted_...``. Raises InputError naming a row that
    lacks a column or has one that the first row has not.
    """
    from tqdm import tqdm

    from framework.data.reading import iter_rows
    from framework.disk import whole

    count = 0
    with whole(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        write = _writer(model, stream, out.suffix)
        rows = iter_rows(source, encoding, say=lambda note: print(note, file=sys.stderr))
        for row, response in tqdm(_answers(model, source, rows), unit=" rows", disable=None):
            write(row.values, response)
            count += 1
    return count


def _answers(model: Model, source: Path, rows: Iterator[Row]) -> Iterator[tuple[Row, Response]]:
    """Rows with their responses; a chunk of both is in memory at a time."""
    from itertools import chain, tee

    from framework.data.joined import of_row

    first = next(rows, None)
    if first is None:
        raise InputError(f"{source} has no rows")
    columns = model.column_names(list(first.values))
    ours, theirs = tee(_checked(source, first, chain([first], rows)))
    requests = ({role: of_row(row.values, names) for role, names in columns.items()} for row in theirs)
    return zip(ours, model.stream(requests), strict=True)


def _checked(source: Path, first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if row.values.keys() != first.values.keys():
            other = sorted(row.values.keys() ^ first.values.keys())
            raise InputError(f"{source}, line {row.line}: it differs from the first row in {', '.join(map(repr, other))}")
        yield row


def _writer(model: Model, stream: Any, suffix: str) -> Callable[[dict[str, str], Response], None]:
    if suffix == ".jsonl":
        return lambda row, response: stream.write(json.dumps(row | _predicted(response), ensure_ascii=False) + "\n")
    table = csv.writer(stream, delimiter="\t" if suffix == ".tsv" else ",")
    header: list[str] = []

    def write(row: dict[str, str], response: Response) -> None:
        answered = row | _predicted(model.codec.flatten(response))
        if not header:
            header.extend(answered)
            table.writerow(header)
        table.writerow([answered[name] for name in header])

    return write


def _predicted(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer under names that no column of the file's own has to make way for."""
    return {f"predicted_{name}": value for name, value in answer.items()}
