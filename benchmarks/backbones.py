"""MiniLM and multilingual-e5-small, frozen and fine-tuned, on the same rows: quality, and size and speed in INT8.

    python benchmarks/backbones.py                                              the recipe's tweets
    python benchmarks/backbones.py --train banking77/train.csv --test banking77/test.csv
    python benchmarks/backbones.py --train 评论.csv --only frozen
    python benchmarks/backbones.py --minutes 10

Each is a run of the sentiment recipe without other competing candidates. Targets for e5: at most 60 MB in INT8, at least 0.4 of
MiniLM's texts a second in batches, the first answer of `predict` within 1.5 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.process import sentiment_run
from framework import Section
from framework.artifact.manifest import Manifest
from framework.artifact.sealed import open_artifact
from framework.report.console import as_text

MODELS = {"MiniLM": ("model=minilm", "model.otherwise.name=null"), "e5": ("model=e5",)}
CANDIDATES = ("frozen", "fine_tuned")
SETTINGS = ("export=[onnx,onnx_int8]", "tracker=none", "trainer.enable_progress_bar=false")
INT8 = "onnx_int8"
ANSWERS = 5  # processes that answer one text each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", metavar="CSV", help="default: the tweets of the recipe")
    parser.add_argument("--test", metavar="CSV", help="default: a part of --train")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=CANDIDATES, help="default: both")
    parser.add_argument("--minutes", type=float, default=3.0, help="of fine-tuning (default 3)")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="of the recipe, for every run")
    options = parser.parse_args()
    files = [f"data.{name}={path}" for name in ("train", "test") if (path := getattr(options, name))]
    print(heading(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for candidate in options.only:
            length = [f"model.minutes={options.minutes}"] if candidate == "fine_tuned" else []
            for name, model in MODELS.items():
                folder = Path(place) / f"{candidate}-{name}"
                cost = sentiment_run(
                    folder, f"candidates=[{candidate}]", *model, *files, *length, *SETTINGS, *options.overrides
                )
                manifest = open_artifact(folder).manifest
                rows.append((candidate, name, *scores(manifest), f"{cost.seconds / 60:.1f}", *speeds(folder, manifest)))
    print(as_text(table(rows, open_data(manifest))))


def table(rows: Sequence[Sequence[str]], data: str) -> Section:
    header = ("", "backbone", "accuracy", "macro-F1", "ECE", "minutes", "INT8", "MB", "texts/s", "ms for one", "s to first")
    note = "On test rows. minutes: of the whole run. texts/s: in batches. s to first: a process that answers one text, median."
    return Section(data, header, rows, note)


def open_data(manifest: Manifest) -> str:
    return f"{manifest.data.rows['train']:,} training rows, {len(manifest.data.classes)} classes"


def scores(manifest: Manifest) -> tuple[str, ...]:
    metrics = manifest.evaluation.candidates[manifest.candidate]
    return tuple(f"{metrics[name]:.4f}" for name in ("accuracy", "macro_f1", "ece"))


def speeds(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Name, size with resources, and speeds of the INT8 file."""
    variant = manifest.variants.get(INT8)
    if variant is None:
        return "none shipped", "", "", "", ""
    beside = sum(file.bytes for name, file in manifest.files.items() if name.startswith("resources/"))
    first = statistics.median(seconds_to_first(folder) for _ in range(ANSWERS))
    size = f"{(variant.bytes + beside) / 1e6:.1f}"
    return variant.precision, size, f"{variant.per_second:.0f}", f"{variant.milliseconds:.1f}", f"{first:.2f}"


def seconds_to_first(folder: Path) -> float:
    """Seconds of a process that answers one request, from start to exit."""
    golden = (folder / "artifact" / "golden.jsonl").read_text(encoding="utf-8").splitlines()[0]
    request = json.dumps(json.loads(golden)["request"])
    started = time.perf_counter()
    verb = [sys.executable, "-m", "framework", "predict", str(folder), request, "--variant", INT8]
    subprocess.run(verb, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
