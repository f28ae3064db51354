"""``predict``: answers texts, requests or a file with an artifact, with onnxruntime alone."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.contracts.data.format import Quote
from framework.errors import InputError

if TYPE_CHECKING:
    from framework.runtime.model import Model

OF_FILES = ("out", "column", "format", "encoding", "quote", "prefix")  # options that need --file
EXAMPLES = """examples:
  python -m framework predict runs/sentiment/latest "what a lovely flight" "my bag is lost"
  python -m framework predict runs/sentiment/latest --file reviews.csv --out answers.csv
  python -m framework predict runs/sentiment/latest --file reviews.jsonl --out answers.jsonl
  python -m framework predict runs/sentiment/latest --file table.csv --column review --out answers.tsv
  python -m framework predict runs/sentiment/latest --variant onnx "in fp32"

ARTIFACT is an artifact, a run, or a latest link. A file's text column may be called as in the training data. An empty line of
a file with one column is answered as an empty text; between several columns it is no row. Values of a JSON file keep their
types in JSON lines."""


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
    parser.add_argument("--column", metavar="NAME", action="append", default=[],
                        help="the file's text column, or ROLE=NAME, which may be given again; default: found")  # fmt: skip
    parser.add_argument("--format", metavar="NAME", help="of --file, such as csv; default: found")
    parser.add_argument("--encoding", help="of --file; default: detected")
    parser.add_argument("--quote", choices=[quote.name for quote in Quote], help="what quotes are in --file; default: found")
    parser.add_argument("--prefix", help="before the names of the answer's columns; default: predicted_")
    parser.add_argument("--variant", help="a variant of the artifact; default: the one its run decided on")
    options = parser.parse_intermixed_args(arguments)
    if bool(options.texts) == bool(options.file) or bool(options.file) != bool(options.out):
        raise InputError("give texts, or --file IN and --out OUT; see predict --help")
    useless = [f"--{name}" for name in OF_FILES if not options.file and getattr(options, name) not in (None, [])]
    if useless:
        raise InputError(f"{' and '.join(useless)}: of no use without --file; see predict --help")
    if options.file:
        _check_paths(options.file, options.out)
    from framework.runtime.model import load_model

    model = load_model(options.artifact, options.variant)
    if options.file:
        rows = _answer_file(model, options)
        print(f"{rows:,} answers in {options.out}", file=sys.stderr)
        return 0
    requests = [_request(text) for text in options.texts]
    for request, response in zip(requests, model.predict(requests), strict=True):
        print(json.dumps({"request": request, **response}, ensure_ascii=False))
    return 0


def _answer_file(model: Model, options: argparse.Namespace) -> int:
    """Answers the rows of --file and returns the number of rows."""
    from framework.commands.requests import PREFIX, FileOfRows, answer_file, named_columns
    from framework.data.columns import list_headers

    quote = Quote[options.quote] if options.quote else None
    columns = named_columns(model.task, options.column)
    lists = list_headers(model.task.answered, columns)
    source = FileOfRows(options.file, options.encoding, quote, columns, lists, options.format, model.task.name)
    return answer_file(model, source, options.out, PREFIX if options.prefix is None else options.prefix)


def _request(argument: str) -> Any:
    """The request of a command-line argument: the JSON object if the argument is one, else the argument as a text."""
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
