"""Costs and gains of INT8: every file that a run tried, and fp32 against INT8 on the same texts, alternately.

    python benchmarks/int8.py runs/sentiment/latest
    python benchmarks/int8.py runs/banking77 runs/clinc150 --texts 2000 --rounds 5

The texts are the run's own test rows, as it keeps them. With --file they come from a labelled file. The metrics on them are
the sealed files' own; those on validation decided what ships.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks.machine import heading
from benchmarks.predict_speed import BLOCK, Contestant, by_model, compete, one_by_one
from benchmarks.run_rows import splits_of
from framework import FrameworkError, Metric, Section, Table
from framework.artifact.manifest import Manifest, SealedVariant
from framework.artifact.sealed import open_artifact
from framework.data.loading import read_labelled
from framework.evaluation.labelled import answer_rows
from framework.report.console import as_text
from framework.runtime.model import Model

FP32, INT8 = "onnx", "onnx_int8"
BATCHES, SINGLE, DROP = 1.8, 2.0, 0.005  # targets: times fp32, and of the metric


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a finished run, or its artifact where --file is given")
    parser.add_argument("--texts", type=int, default=2000, help="texts answered in batches, at most (default 2000)")
    parser.add_argument("--singles", type=int, default=300, help="texts answered one at a time (default 300)")
    parser.add_argument("--rounds", type=int, default=3, help="times that all texts are answered in batches (default 3)")
    parser.add_argument("--file", metavar="CSV", help="labelled rows to answer instead of the runs' own test rows")
    options = parser.parse_args()
    print(heading(), flush=True)
    for run in options.runs:
        try:
            for section in sections(run, options):
                print(as_text(section) + "\n", flush=True)
        except FrameworkError as error:
            sys.exit(f"error: {error}")


def sections(run: str, options: argparse.Namespace) -> Iterator[Section]:
    artifact = open_artifact(run)
    yield files(run, artifact.manifest)
    if INT8 not in artifact.manifest.variants:
        yield Section(f"{run}: no INT8 file shipped, so there is no speed to compare")
        return
    models = {name: Model(artifact, name) for name in (FP32, INT8)}
    table = test_rows(run, options.file, models[FP32])
    texts = list(table.take(range(min(options.texts, len(table)))).texts("text"))
    singles = texts[: options.singles]
    batched = [Contestant(name, by_model(model), False) for name, model in models.items()]
    single = [Contestant(name, one_by_one(by_model(model)), False) for name, model in models.items()]
    compete(batched, texts * options.rounds, len(texts))
    compete(single, singles, min(BLOCK, len(singles)))
    metrics = {name: model.task.evaluate(answer_rows(model, table), table).metrics for name, model in models.items()}
    yield comparison(run, batched, single, metrics, artifact.manifest.metric, len(table))


def test_rows(run: str, file: str | None, model: Model) -> Table:
    if file is not None:
        return read_labelled(file, model.task, None, model.manifest.data.names, {})[0]
    return splits_of(run).test


def files(run: str, manifest: Manifest) -> Section:
    """The run's measurements of each ONNX file, in the order tried, some of them relative to fp32."""
    shipped = {name: variant for name, variant in manifest.variants.items() if variant.format == "onnx"}
    exact, name = shipped[FP32], manifest.metric.name

    def cells(file: str, variant: SealedVariant) -> tuple[str, ...]:
        metrics, reference = variant.metrics, exact.metrics
        return (
            f"{file} ({variant.precision})" if file == INT8 else file,
            "yes" if file in shipped else "no",
            f"{variant.bytes / 1e6:.1f}",
            f"{metrics[name]:.4f}",
            f"{manifest.metric.gain(reference[name], over=metrics[name]):+.4f}",
            f"{metrics['nll']:.4f}",
            f"{metrics['nll'] / reference['nll'] - 1:+.1%}",
            f"{variant.per_second / exact.per_second:.2f}",
            f"{exact.milliseconds / variant.milliseconds:.2f}",
        )

    tried = [(FP32, exact), *manifest.rejected.items(), *((n, f) for n, f in shipped.items() if n != FP32)]
    header = ("file", "ships", "MB", name, "drop", "nll", "rise", "x fp32 in batches", "x fp32 one at a time")
    note = "Metrics on validation and speeds as the run measured them."
    return Section(f"{run}: files tried", header, [cells(*each) for each in tried], note)


def comparison(
    run: str, batched: list[Contestant], single: list[Contestant], metrics: Mapping[str, Mapping[str, float]],
    metric: Metric, judged: int,
) -> Section:  # fmt: skip
    """Speeds over all turns; the ratios are medians of the ratios turn by turn."""
    name = metric.name
    ratios = [median(a / b for a, b in zip(exact.turns, other.turns, strict=True)) for exact, other in (batched, single)]
    same = sum(a == b for a, b in zip(batched[0].labels, batched[1].labels, strict=True)) / len(batched[0].labels)
    rows: list[tuple[str, ...]] = [
        (
            many.name,
            f"{len(many.labels) / many.seconds:.1f}",
            f"{len(one.labels) / one.seconds:.1f}",
            f"{metrics[many.name][name]:.4f}",
        )
        for many, one in zip(batched, single, strict=True)
    ]
    exact, rounded = metrics[FP32][name], metrics[INT8][name]
    rows.append(("INT8 / fp32", *(f"{ratio:.2f}" for ratio in ratios), f"{rounded - exact:+.4f}"))
    rows.append(("target", *_reached(ratios, metric.gain(exact, over=rounded))))
    header = ("", "texts/s in batches", "texts/s one at a time", f"{name}, {judged:,} rows")
    turns = f"{len(batched[0].turns)} turns in batches, {len(single[0].turns)} one at a time"
    return Section(f"{run}: fp32 against INT8", header, rows, f"{turns}; {same:.1%} of the labels are the same")


def _reached(ratios: Sequence[float], drop: float) -> tuple[str, str, str]:
    def verdict(target: str, reached: bool) -> str:
        return f"{target}: {'reached' if reached else 'missed'}"

    many, one = ratios
    return (
        verdict(f">= {BATCHES}", many >= BATCHES),
        verdict(f">= {SINGLE}", one >= SINGLE),
        verdict(f"drop <= {DROP}", drop <= DROP),
    )


if __name__ == "__main__":
    main()
