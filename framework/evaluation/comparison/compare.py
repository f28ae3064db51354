"""``framework.compare``: compares two sealed artifacts on the same rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.data.joined import Columns
from framework.errors import InputError, nearest, some
from framework.evaluation.comparison.costs import Costs, latencies, memory
from framework.evaluation.comparison.judged import JudgedAnswers, judged_answers
from framework.evaluation.comparison.result import Comparison, Side
from framework.evaluation.comparison.same_rows import check_alike, shared_rows
from framework.evaluation.comparison.statistics import Statistics
from framework.evaluation.comparison.verdict import outcome_of, verdict_of
from framework.evaluation.labelled import LabelledOptions, answer_rows, read_rows, values_by_row
from framework.runtime.model import Model, load_model

MOST_SLICES = 100


def compare(
    a: str | Path,
    b: str | Path,
    rows: str | Path | Table,
    *,
    metric: str | None = None,
    slices: str | Sequence[str] | None = None,
    shared_labels: bool = False,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    columns: Mapping[str, Columns] | None = None,
    encoding: str | None = None,
    quote: str | None = None,
    format_name: str | None = None,
    variants: tuple[str | None, str | None] = (None, None),
) -> Comparison:
    """Answers labelled rows with both artifacts and says whether B is better than A.

        framework.compare("registry/support@champion", "registry/support@challenger", "labelled.csv").verdict

    a, b: addresses of artifacts. rows: a labelled file, or a table of the task's columns. metric: name of the deciding metric;
    None: the one that A was judged by. slices: header of a column of the file, or for a table a value for each row, by which
    the rows are sliced. shared_labels: whether artifacts with different labels are compared, on the rows whose label both have.
    draws: number of samples of the paired bootstrap; fewer if the metric does not decompose, see `Comparison.method`.
    confidence: level of the intervals. seed: of the samples. columns, encoding, quote, format_name: see `LabelledOptions`.
    variants: of A and of B; None: the default variant. Raises InputError for artifacts that cannot be compared, naming what
    differs, and for rows that cannot be judged.
    """
    _check_numbers(draws, confidence)
    models = (load_model(a, variants[0]), load_model(b, variants[1]))
    check_alike(*models, shared_labels=shared_labels)
    decisive = _metric(models[0], metric)
    options = LabelledOptions(columns or {}, encoding, quote, format_name)
    table, notes = _rows(models, rows, options, shared_labels)
    slice_of = _slices(models[0], rows, table, slices, options)
    answered = [_answer(model, table) for model in models]
    judged = (answered[0].judged, answered[1].judged)
    statistics = Statistics(models[0].task, table, decisive, judged, draws, confidence, seed)
    differences, method = statistics.differences()
    classes, parts = statistics.classes(), statistics.slices(slice_of)
    sides = _sides((a, b), models, table, answered)
    return Comparison(
        a=sides[0],
        b=sides[1],
        source=table.source,
        rows=len(table),
        notes=tuple(notes),
        metric=decisive,
        confidence=confidence,
        method=method,
        differences=differences,
        test=statistics.test(),
        classes=classes,
        slices=parts,
        outcome=outcome_of(decisive, differences[0]),
        verdict=verdict_of(decisive, differences[0], len(table), confidence, [*classes, *parts]),
    )


@dataclass(frozen=True)
class _Answered:
    judged: JudgedAnswers
    seconds: float
    """Seconds that answering all rows took."""


def _answer(model: Model, table: Table) -> _Answered:
    started = time.perf_counter()
    answers = answer_rows(model, table)
    seconds = time.perf_counter() - started
    return _Answered(judged_answers(model.task, answers, table), seconds)


def _check_numbers(draws: int, confidence: float) -> None:
    if draws < 100:
        raise InputError(f"draws={draws}: an interval needs at least 100 samples; 2000 is usual")
    if not 0.5 <= confidence < 1:
        raise InputError(f"confidence={confidence}: write a share of at least 0.5 and below 1, such as 0.95")


def _metric(model: Model, name: str | None) -> Metric:
    if name is None:
        return model.manifest.metric
    by_name = {metric.name: metric for metric in model.task.metrics}
    if name not in by_name:
        raise InputError(f"no metric {name!r} to compare by; {nearest(name, by_name, 'metrics')}")
    return by_name[name]


def _rows(
    models: tuple[Model, Model], rows: str | Path | Table, options: LabelledOptions, shared_labels: bool
) -> tuple[Table, list[str]]:
    """The rows, as both models read them, and notes on the file. Raises InputError if the models read the file differently."""
    if isinstance(rows, Table):
        return (shared_rows(models, rows) if shared_labels else rows), []
    (table, notes), (other, _) = (read_rows(model, rows, options) for model in models)
    if shared_labels:
        table, other = shared_rows(models, table), shared_rows(models, other)
        notes = [*notes, f"{len(table):,} rows have labels that both know; an answer with another label counts as wrong"]
    if table.digest() != other.digest():
        raise InputError(
            f"{table.source}: A reads {len(table):,} rows of it and B {len(other):,}, or other texts and labels: they were "
            "trained with other task options or spellings of labels, and are no answer to the same questions"
        )
    return table, notes


def _slices(
    model: Model, rows: str | Path | Table, table: Table, slices: str | Sequence[str] | None, options: LabelledOptions
) -> Sequence[str]:
    """The slice of each row; empty without slices. rows, slices: see `compare`.

    Raises InputError for a missing column, a wrong number of values, and more than `MOST_SLICES` slices.
    """
    if slices is None:
        return ()
    if isinstance(slices, str):
        if isinstance(rows, Table):
            raise InputError("slices of a table are a value for each row; a column's name is for a file")
        slices = values_by_row(model, rows, table, slices, options)
    if len(slices) != len(table):
        raise InputError(f"slices: {len(slices):,} values for {len(table):,} rows")
    names = sorted(set(slices))
    if len(names) > MOST_SLICES:
        raise InputError(
            f"slices: {len(names):,} values, {some(names, most=3)}; a column of at most {MOST_SLICES} parts the rows"
        )
    return slices


def _sides(
    addresses: tuple[str | Path, str | Path], models: tuple[Model, Model], table: Table, answered: Sequence[_Answered]
) -> list[Side]:
    milliseconds = latencies(models, table)
    return [
        Side(
            str(address),
            model.artifact.version,
            model.variant.name,
            model.manifest.title,
            dict(side.judged.evaluation.metrics),
            Costs(latency, len(table) / side.seconds, model.manifest.variants[model.variant.name].bytes, memory(model, table)),
        )
        for address, model, side, latency in zip(addresses, models, answered, milliseconds, strict=True)
    ]
