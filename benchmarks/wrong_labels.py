"""How many injected wrong labels a run of the sentiment recipe lists, and how many of the listed rows are among them.

    python benchmarks/wrong_labels.py banking77/train.csv --label category data.test=banking77/test.csv
    python benchmarks/wrong_labels.py banking77/train.csv --label category --share 0.1 --candidates linear

A share of the labels is replaced by another label at random, and a run with these rows looks for them. Precision counts the
injected ones only: the file's own wrong labels, which nobody knows, count against it. The run is repeated without the listed
rows, on the same validation and test rows; data.test= names a test file whose labels are right.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import framework
from benchmarks.machine import heading
from framework.data.stored import stored_splits
from framework.run.folder import RunFolder

FILE = "suspicious.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", metavar="CSV")
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="label")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that is replaced; default: 0.05")
    parser.add_argument("--candidates", nargs="+", default=["frozen", "linear"], help="that look for them, in turn")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="of the recipe; default: none")
    options = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file, wrong = write_with_wrong_labels(Path(options.train), Path(folder), options.text, options.label, options.share)
        for candidate in options.candidates:
            print_found(file, wrong, candidate, [*options.overrides, f"data.train={file}"], Path(folder) / candidate)


def write_with_wrong_labels(train: Path, folder: Path, text: str, label: str, share: float) -> tuple[Path, set[int]]:
    """The file with so many labels replaced, and the lines of these rows. Texts of several lines are joined to one."""
    with train.open(encoding="utf-8", newline="") as stream:
        rows = [(" ".join(row[text].split()), row[label]) for row in csv.DictReader(stream)]
    pick, labels = random.Random(0), sorted({label for _, label in rows})
    wrong = set(pick.sample(range(len(rows)), round(share * len(rows))))
    replaced = [
        (text, pick.choice([o for o in labels if o != label]) if i in wrong else label) for i, (text, label) in enumerate(rows)
    ]
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *replaced])
    return folder / "rows.csv", {row + 2 for row in wrong}


def print_found(file: Path, wrong: set[int], candidate: str, overrides: Sequence[str], folder: Path) -> None:
    """Runs the recipe, and again without the rows that it lists."""
    started = time.perf_counter()
    chosen = [*overrides, f"candidates=[{candidate}]", "export=[onnx]", "trainer.enable_progress_bar=false"]
    framework.run_recipe("sentiment", *chosen, folder=folder / "run")
    seconds = time.perf_counter() - started
    splits = stored_splits(RunFolder(folder / "run").data)
    assert splits is not None
    with (folder / "run" / FILE).open(encoding="utf-8", newline="") as stream:
        listed = {int(row["line"]) for row in csv.DictReader(stream)}
    there = wrong & set(splits.train.lines)
    hits = len(listed & there)
    print(
        f"{candidate}: {len(splits.train):,} training rows, {len(there):,} wrong labels, {len(listed):,} rows listed; "
        f"precision {hits / max(1, len(listed)):.3f}, recall {hits / len(there):.3f}; the run took {seconds:.0f} s",
        flush=True,
    )
    framework.run_recipe("sentiment", *chosen, f"data.exclude={folder / 'run' / FILE}", folder=folder / "without")
    for name in ("run", "without"):
        metrics = json.loads((folder / name / "evaluation.json").read_text("utf-8"))["model"]["metrics"]
        print(f"  {name}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in metrics.items()), flush=True)


if __name__ == "__main__":
    main()
