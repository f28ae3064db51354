"""``evaluate``: judges a sealed artifact on labelled rows, with gates for CI."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from framework.commands.labelled_options import add_options, check_out, columns_of, options_named, with_options
from framework.contracts.section import Section
from framework.errors import InputError, some

if TYPE_CHECKING:
    from framework.evaluation.evaluate import EvaluatedArtifact
    from framework.evaluation.gates import Gate

GATE_FAILED = 3  # exit code
EXAMPLES = """examples:
  python -m framework evaluate runs/sentiment/latest labelled.csv
  python -m framework evaluate runs/sentiment/latest labelled.csv --min macro_f1=0.75 --min accuracy=0.8 --max ece=0.05
  python -m framework evaluate runs/sentiment/latest labelled.csv --column text=body --column label=stars

Columns may be called as in the training data. Answers come from
onnxruntime; the metrics are the task's own, and some tasks' need the train extra.
From Python: framework.evaluate("runs/sentiment/latest", "labelled.csv", minimum={"macro_f1": 0.75}).holds
Exit codes: 0 done and every gate holds, 3 a gate does not hold, 2 the input is wrong, 1 the environment failed."""


def main(verb: str, arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    check_out(options.json)
    gates = [*(_gate("--min", text) for text in options.min), *(_gate("--max", text) for text in options.max)]
    from framework.evaluation.evaluate import evaluate_model
    from framework.evaluation.labelled import LabelledOptions
    from framework.runtime.model import load_model

    model = load_model(options.artifact, options.variant)
    roles = [column.role for column in model.task.every_column]
    labelled = LabelledOptions(columns_of(options.column, roles), options.encoding, options.quote, options.format)
    with options_named(roles):
        result = evaluate_model(model, options.file, gates, labelled)
    _show(result, [with_options(note, roles) for note in result.notes])
    if options.json is not None:
        content = _content(result, options.file)
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
    return 0 if result.holds else GATE_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m framework evaluate",
        description="Judges a sealed artifact on labelled data.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help="an artifact, a run, a latest link, or registry/NAME@champion")
    parser.add_argument("file", metavar="FILE", help="labelled rows, in any format that data.train= takes")
    parser.add_argument("--min", metavar="METRIC=VALUE", action="append", default=[], help="a gate; may be given again")
    parser.add_argument("--max", metavar="METRIC=VALUE", action="append", default=[], help="a gate; may be given again")
    parser.add_argument("--variant", help="a variant of the artifact; default: the one its run decided on")
    add_options(parser)
    return parser


def _gate(flag: str, text: str) -> Gate:
    from framework.evaluation.gates import Gate

    metric, _, value = text.partition("=")
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if not metric or not math.isfinite(bound):
        raise InputError(f"{flag} {text}: write {flag} METRIC=NUMBER, such as {flag} macro_f1=0.75")
    return Gate(metric, bound, flag == "--min")


def _show(result: EvaluatedArtifact, notes: Sequence[str]) -> None:
    from framework.report.console import as_text

    model, evaluation, sealed = result.model, result.evaluation, result.sealed
    rows = [(name, f"{value:.4f}", f"{sealed[name]:.4f}" if name in sealed else "") for name, value in result.metrics.items()]
    print(
        f"{model.artifact.folder}, variant {model.variant.name}, on {result.rows:,} rows of {result.source}", *notes, sep="\n"
    )
    untested = model.manifest.evaluation.untested
    limits_of_run = f"The run had no test rows of {some(untested)}." if untested else ""
    note = "\n".join(filter(None, [evaluation.limits, limits_of_run, evaluation.protocol]))
    for section in [*evaluation.sections, Section("Metrics", ("metric", "here", "test rows of its run"), rows, note)]:
        print(f"\n{as_text(section)}")
    print()
    for gate in result.gates:
        print(gate.verdict(result.metrics[gate.metric]))


def _content(result: EvaluatedArtifact, file: str) -> dict[str, Any]:
    """The content of the file of `--json`."""
    model, evaluation = result.model, result.evaluation
    values = [(gate, result.metrics[gate.metric]) for gate in result.gates]
    return {
        "artifact": str(model.artifact.folder),
        "seal": model.manifest.seal,
        "variant": model.variant.name,
        "file": file,
        "rows": result.rows,
        "metrics": result.metrics,
        "untested": list(evaluation.untested),
        "protocol": evaluation.protocol,
        "sealed": result.sealed,
        "gates": [asdict(gate) | {"value": value, "holds": gate.holds(value)} for gate, value in values],
        "sections": [asdict(section) for section in evaluation.sections],
    }
