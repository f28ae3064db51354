"""The sentiment recipe on labelled files of any number of classes, with nothing set but the files: how good, how long.

    python benchmarks/many_classes.py --train banking77/train.csv --test banking77/test.csv
    python benchmarks/many_classes.py --train train.csv --test test.csv --folder runs/banking77 model.minutes=10

Target on banking77 (10,003 rows, 77 classes): accuracy of at least 0.92 within 8 minutes, everything included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.int8 import files
from benchmarks.machine import heading
from benchmarks.process import Cost, run_folder, sentiment_run
from framework import Section
from framework.artifact.sealed import open_artifact
from framework.report.console import as_text
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
        plan = Plan(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    for section in (whole(cost, manifest), plan.section(), scores(manifest), files("INT8", manifest)):
        print(as_text(section) + "\n")


def whole(cost: Cost, manifest: Mapping[str, Any]) -> Section:
    classes = len(manifest["codec"]["settings"]["labels"])
    header = ("classes", "minutes", "minutes of training", "epochs used", "peak MB")
    model = manifest["model"]
    row = (f"{classes}", f"{cost.seconds / 60:.1f}", f"{model['train_seconds'] / 60:.1f}", f"{model['epochs']}")
    return Section("The whole run, from the files to the sealed artifact", header, [(*row, f"{cost.peak / 1e6:,.0f}")])


def scores(manifest: Mapping[str, Any]) -> Section:
    """The model last."""
    names = ("accuracy", "macro_f1", "ece", "nll")
    candidates = manifest["evaluation"]["candidates"]
    rows = [(candidate, *(f"{metrics[name]:.4f}" for name in names)) for candidate, metrics in candidates.items()]
    return Section(f"On {manifest['evaluation']['rows']:,} test rows", ("", *names), rows)


if __name__ == "__main__":
    main()
