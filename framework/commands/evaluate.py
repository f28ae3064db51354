"""``evaluate``: judges a sealed artifact on labelled data it has not seen, and holds it to gates."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.contracts.evaluation import Evaluation
from framework.contracts.format import Quote
from framework.contracts.section import Section
from framework.data.columns import NONE
from framework.errors import InputError, nearest, some
from framework.plugins import AnyTask

if TYPE_CHECKING:
    from framework.contracts.table import Table
    from framework.data.joined import Columns
    from framework.runtime.model import Model

GATE_FAILED = 3  # the exit code
EXAMPLES = """examples:
  python -m framework evaluate runs/sentiment/latest labelled.csv
  python -m framework evaluate runs/sentiment/latest labelled.csv --min macro_f1=0.75 --min accuracy=0.8 --max ece=0.05
  python -m framework evaluate runs/sentiment/latest labelled.csv --column text=body --column label=stars

Columns may be called as in the training data. Answers come from
onnxruntime; the metrics are the task's own, and some tasks' need the train extra.
Exit codes: 0 done and every gate holds, 3 a gate does not hold, 2 the input is wrong, 1 the environment failed."""


@dataclass(frozen=True)
class Gate:
    metric: str
    bound: float
    lowest: bool  # or the highest value allowed

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.lowest else value <= self.bound  # NaN holds nowhere

    def verdict(self, value: float) -> str:
        kind, holds = "least" if self.lowest else "most", "holds" if self.holds(value) else "FAILS"
        return f"gate {holds}: {self.metric} is {value:.4f}, where at {kind} {self.bound:g} is asked for"


def main(verb: str, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m framework evaluate",
        description="Judges a sealed artifact on labelled data.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("artifact", metavar="ARTIFACT", help="an artifact, a run, or a latest link")
    parser.add_argument("file", metavar="FILE", help="labelled rows, in any format that data.train= takes")
    parser.add_argument("--min", metavar="METRIC=VALUE", action="append", default=[], help="a gate; may be given again")
    parser.add_argument("--max", metavar="METRIC=VALUE", action="append", default=[], help="a gate; may be given again")
    parser.add_argument("--column", metavar="ROLE=NAME", action="append", default=[], help="a column by name; default: found")
    parser.add_argument("--format", metavar="NAME", help="of the file, such as csv; default: found")
    parser.add_argument("--encoding", help="of the file; default: detected")
    parser.add_argument("--quote", choices=[quote.name for quote in Quote], help="what quotes are in the file; default: found")
    parser.add_argument("--variant", help="a variant of the artifact; default: the one its run decided on")
    parser.add_argument("--json", type=Path, metavar="OUT", help="writes metrics, gates and tables there too")
    options = parser.parse_args(arguments)
    _check_out(options.json)
    gates = [*(_gate("--min", text) for text in options.min), *(_gate("--max", text) for text in options.max)]
    from framework.runtime.model import load_model

    model = load_model(options.artifact, options.variant)
    sealed = _sealed(model)
    _check_gates(gates, sealed)
    table, notes = _read(model, options, _columns(model.task, options.column))
    found = judge(model, table)
    _check_gates(gates, found.metrics)
    _show(model, table, notes, found, sealed)
    for gate in gates:
        print(gate.verdict(found.metrics[gate.metric]))
    if options.json is not None:
        content = _content(model, options.file, table, found, sealed, gates)
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str), encoding="utf-8")
    return 0 if all(gate.holds(found.metrics[gate.metric]) for gate in gates) else GATE_FAILED


def judge(model: Model, table: Table) -> Evaluation:
    """The task's own evaluation of a model's answers. Raises InputError naming the line of a row it cannot take."""
    from tqdm import tqdm

    from framework.evaluation import judge as judging

    model.catch_up()
    with tqdm(total=len(table), unit=" rows", disable=None, leave=False) as progress:
        model.scheduler.answered = progress.update
        try:
            return judging.judge(model.task, model.scheduler, table)
        finally:
            model.scheduler.answered = None


def _gate(flag: str, text: str) -> Gate:
    metric, _, value = text.partition("=")
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    if not metric or not math.isfinite(bound):
        raise InputError(f"{flag} {text}: write {flag} METRIC=NUMBER, such as {flag} macro_f1=0.75")
    return Gate(metric, bound, flag == "--min")


def _check_gates(gates: Sequence[Gate], metrics: Mapping[str, float]) -> None:
    unknown = [gate.metric for gate in gates if gate.metric not in metrics]
    if unknown:
        raise InputError(*(f"no metric {name!r}; {nearest(name, metrics, 'metrics')}" for name in unknown))


def _sealed(model: Model) -> dict[str, float]:
    """The metrics on the test rows of its own run, of the candidate that was sealed."""
    return dict(model.manifest.evaluation.candidates[model.manifest.candidate])


def _columns(task: AnyTask, given: Sequence[str]) -> dict[str, Columns]:
    """Role -> its column; columns where it is named more than once."""
    pairs = [text.partition("=") for text in given]
    roles = [column.role for column in task.every_column]
    wrong = [f"{role}{sign}{name}" for role, sign, name in pairs if role not in roles or not name]
    if wrong:
        raise InputError(f"--column {', '.join(wrong)}: write --column ROLE=NAME, where ROLE is {' or '.join(roles)}")
    names = {role: [name for other, _, name in pairs if other == role] for role, _, _ in pairs}
    return {role: found[0] if len(found) == 1 else found for role, found in names.items()}


def _read(model: Model, options: argparse.Namespace, given: Mapping[str, Columns]) -> tuple[Table, Sequence[str]]:
    """The file as training would read it; the flags of this command stand where a recipe's keys are named."""
    from framework.data.loading import read_labelled

    roles = [column.role for column in model.task.every_column]
    keys = re.compile(rf"\bdata\.({'|'.join([*roles, 'ROLE'])})=")

    def own(text: str) -> str:
        text = keys.sub(r"--column \1=", text).replace("data.format=", "--format ")
        return text.replace("data.encoding=", "--encoding ").replace("data.quote=", "--quote ")

    known = {role: name for role, name in model.manifest.data.names.items() if role not in given}
    try:
        quote = Quote[options.quote] if options.quote else None
        named = {**_left_out(model), **given}
        table, notes = read_labelled(
            options.file,
            model.task,
            options.encoding,
            known,
            named,
            _options(model),
            quote,
            format_name=options.format,
            **_spellings(model),
        )
    except InputError as error:
        raise InputError(*map(own, error.problems)) from error
    return table, [own(note) for note in notes]


def _options(model: Model) -> Any:
    """The task's options that the artifact was made with, which decide how rows are read."""
    from omegaconf import OmegaConf

    from framework.recipe.validation import options_of

    options = model.task.options
    schema, sealed = OmegaConf.structured(options), _recipe(model).task
    return options_of(OmegaConf.merge(schema, {key: sealed[key] for key in schema if key in sealed}), options)


def _left_out(model: Model) -> dict[str, Columns]:
    """The columns that training was told not to read: they are not found by their names here either."""
    data = _recipe(model).data
    source = data if data.get("train") else data.get("source") or {}
    roles = [column.role for column in model.task.every_column if column.optional]
    return {role: NONE for role in roles if source.get(role) == NONE}


def _spellings(model: Model) -> dict[str, Any]:
    """How training told labels apart, for `read_labelled`."""
    data = _recipe(model).data
    classes = (model.manifest.data.classes or None) if data.merge_spellings else None
    return {"classes": classes, "combines": data.label_combinations == "keep"}


def _recipe(model: Model) -> Any:
    """The recipe that the artifact was made with."""
    from framework.recipe.literal import read_kept

    return read_kept(model.artifact.folder / "recipe.yaml")


def _check_out(out: Path | None) -> None:
    if out is not None and out.exists():
        raise InputError(f"--json {out} exists; nothing was overwritten, name another file")
    if out is not None and not out.parent.is_dir():
        raise InputError(f"--json {out}: no folder {out.parent}")


def _show(model: Model, table: Table, notes: Sequence[str], found: Evaluation, sealed: Mapping[str, float]) -> None:
    from framework.report.console import as_text

    rows = [(name, f"{value:.4f}", f"{sealed[name]:.4f}" if name in sealed else "") for name, value in found.metrics.items()]
    print(f"{model.artifact.folder}, variant {model.variant.name}, on {len(table):,} rows of {table.source}", *notes, sep="\n")
    note = "\n".join(filter(None, [found.limits, _limits_of_its_run(model), found.protocol]))
    for section in [*found.sections, Section("Metrics", ("metric", "here", "test rows of its run"), rows, note)]:
        print(f"\n{as_text(section)}")
    print()


def _limits_of_its_run(model: Model) -> str:
    untested = model.manifest.evaluation.untested
    return f"The run had no test rows of {some(untested)}." if untested else ""


def _content(
    model: Model, file: str, table: Table, found: Evaluation, sealed: Mapping[str, float], gates: Sequence[Gate]
) -> dict[str, Any]:
    """What `--json` writes."""
    values = [(gate, found.metrics[gate.metric]) for gate in gates]
    return {
        "artifact": str(model.artifact.folder),
        "seal": model.manifest.seal,
        "variant": model.variant.name,
        "file": file,
        "rows": len(table),
        "metrics": found.metrics,
        "untested": list(found.untested),
        "protocol": found.protocol,
        "sealed": sealed,
        "gates": [asdict(gate) | {"value": value, "holds": gate.holds(value)} for gate, value in values],
        "sections": [asdict(section) for section in found.sections],
    }
