"""Quality and time of the sentiment recipe with its defaults, on files with any number of classes.

    python benchmarks/many_classes.py --train banking77/train.csv --test banking77/test.csv
    python benchmarks/many_classes.py --train train.csv --test test.csv --folder runs/banking77 model.minutes=10

Target on banking77 (10,003 rows, 77 classes): accuracy of at least 0.92 within 8 minutes, everything included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.int8 import files
from benchmarks.machine import heading
from benchmarks.process import Cost, run_folder, sentiment_run
from benchmarks.recipe import ENCODER
from framework import Section, read_fitted
from framework.artifact.manifest import Manifest
from framework.artifact.sealed import open_artifact
from framework.report.console import as_text
from framework.run.folder import FITTED, RunFolder
from framework_text.training_plan import FILE, Plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", metavar="CSV", required=True)
    parser.add_argument("--test", metavar="CSV", required=True)
    parser.add_argument("--folder", metavar="RUN", type=Path, help="keeps the run there; default: it is removed")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="of the recipe; default: none")
    options = parser.parse_args()
    print(heading(), flush=True)
    with run_folder(options.folder) as folder:
        cost = sentiment_run(folder, f"data.train={options.train}", f"data.test={options.test}", *options.overrides)
        manifest = open_artifact(folder).manifest
        learned = list(training(RunFolder(folder).trial(ENCODER)))
    for section in (costs(cost, manifest), *learned, scores(manifest), files("INT8", manifest)):
        print(as_text(section) + "\n")


def costs(cost: Cost, manifest: Manifest) -> Section:
    row = (f"{len(manifest.data.classes)}", f"{cost.seconds / 60:.1f}", f"{cost.peak / 1e6:,.0f}", manifest.title)
    return Section("The whole run, from the files to the sealed artifact", ("classes", "minutes", "peak MB", "ships"), [row])


def training(trial: Path) -> Iterator[Section]:
    """Plan and time of the encoder's training; nothing where it did not compete."""
    if not (trial / FITTED).is_dir():
        return
    yield Plan(**json.loads((trial / FILE).read_text(encoding="utf-8"))).section()
    facts = read_fitted(trial / FITTED).facts.training
    assert facts is not None, "an encoder is trained"
    yield Section("Its training", ("minutes", "epochs used"), [(f"{facts.seconds / 60:.1f}", f"{facts.epochs}")])


def scores(manifest: Manifest) -> Section:
    """Metrics of the shipped candidate and of the baselines."""
    names = ("accuracy", "macro_f1", "ece", "nll")
    candidates = manifest.evaluation.candidates
    rows = [(candidate, *(f"{metrics[name]:.4f}" for name in names)) for candidate, metrics in candidates.items()]
    return Section(f"On {manifest.evaluation.rows:,} test rows", ("", *names), rows)


if __name__ == "__main__":
    main()
