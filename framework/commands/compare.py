"""``compare``: compares two artifacts on the same labelled rows, with a gate for CI."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from framework.commands.labelled_options import add_options, check_out, columns_of, options_named, with_options
from framework.contracts.plain import to_plain
from framework.errors import InputError

if TYPE_CHECKING:
    from framework.evaluation.comparison.result import Comparison

GATE_FAILED = 3  # exit code
EXAMPLES = """examples:
  python -m framework compare runs/sentiment/latest runs/topics/latest labelled.csv
  python -m framework compare registry/support@champion registry/support@challenger labelled.csv
  python -m framework compare registry/support@champion registry/support@challenger labelled.csv --min-gain=-0.01
  python -m framework compare runs/sentiment/latest runs/topics/latest labelled.csv --metric accuracy --slice stars
  python -m framework compare runs/sentiment/latest runs/sentiment/latest labelled.csv --variant-b onnx

Both answer the same rows, which neither was trained on. The difference has its interval: rows are drawn again and again, the
same for both (paired bootstrap), and the task's own metric is computed on each sample. Where answers are right or wrong,
McNemar's test counts the rows that only one has right, for each class too. The verdict says which is better and by how much, or
that these rows cannot tell, and about how many could.
--min-gain 0: exit code 3 unless the whole interval says that B is at least as good; --min-gain=-0.01 lets it be 0.01 worse.
From Python: framework.compare("registry/support@champion", "registry/support@challenger", "labelled.csv").verdict
Exit codes: 0 done, 3 the gate does not hold, 2 the input is wrong or the two cannot be compared, 1 the environment failed."""


def main(verb: str, arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_out(options.json)
    if options.min_gain is not None and not math.isfinite(options.min_gain):
        raise InputError(f"--min-gain {options.min_gain}: write a number, such as --min-gain=-0.01")
    from framework.artifact.manifest import read_manifest
    from framework.artifact.sealed import find_artifact
    from framework.evaluation.comparison.compare import compare
    from framework.plugins import load_plugins

    task = load_plugins().task(read_manifest(find_artifact(options.a)).task)
    roles = [column.role for column in task.every_column]
    with options_named(roles):
        comparison = compare(
            options.a,
            options.b,
            options.file,
            metric=options.metric,
            slices=options.slice,
            shared_labels=options.shared_labels,
            draws=options.draws,
            confidence=options.confidence,
            seed=options.seed,
            columns=columns_of(options.column, roles),
            encoding=options.encoding,
            quote=options.quote,
            format_name=options.format,
            variants=(options.variant_a, options.variant_b),
        )
    holds = options.min_gain is None or comparison.gain[1] >= options.min_gain
    _show(comparison, [with_options(note, roles) for note in comparison.notes])
    if options.min_gain is not None:
        state = "holds" if holds else "FAILS"
        bound = f"where the whole interval is to lie at {options.min_gain:+g} or above"
        print(f"gate {state}: B gains at least {comparison.gain[1]:+.4f} in {comparison.metric.name}, {bound}")
    if options.json is not None:
        content = to_plain(comparison) | {"gate": None if options.min_gain is None else holds}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0 if holds else GATE_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m framework compare",
        description="Says whether artifact B is better than artifact A, on the same labelled rows.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="an artifact, a run, a latest link, or registry/NAME@champion")
    parser.add_argument("b", metavar="B", help="another one of the same task")
    parser.add_argument("file", metavar="FILE", help="labelled rows, in any format that data.train= takes")
    parser.add_argument("--metric", help="of the task, to decide by; default: the one that A was judged by")
    parser.add_argument(
        "--slice", metavar="COLUMN", help="of the file: each of its values is a part of the rows shown by itself"
    )
    parser.add_argument("--shared-labels", action="store_true", help="where labels differ, the rows of those that both know")
    parser.add_argument(
        "--min-gain", type=float, metavar="GAIN", help="a gate: the least that B must gain by the whole interval"
    )
    parser.add_argument("--draws", type=int, default=2000, help="samples of the rows (default %(default)s)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the samples (default %(default)s)")
    parser.add_argument("--variant-a", metavar="NAME", help="a variant of A; default: the one its run decided on")
    parser.add_argument("--variant-b", metavar="NAME", help="the same of B")
    add_options(parser)
    return parser


def _show(comparison: Comparison, notes: Sequence[str]) -> None:
    from framework.report.console import as_text

    for name, side in (("A", comparison.a), ("B", comparison.b)):
        print(f"{name}: {side.address} ({side.version}, {side.title}, variant {side.variant})")
    print(f"on {comparison.rows:,} rows of {comparison.source}", *notes, sep="\n")
    for section in comparison.sections():
        print(f"\n{as_text(section)}")
    print(f"\n{comparison.verdict}")
