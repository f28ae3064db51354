"""Savings and costs of fewer layers and frozen weights: the sentiment recipe in five shapes, on the same rows.

    python benchmarks/compression.py --rows 8000 --epochs 2
    python benchmarks/compression.py --minutes 3

Without --minutes all shapes are trained for the same number of epochs; with it for the same time, in which faster ones see more
rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from benchmarks.machine import heading
from benchmarks.process import sentiment_run
from benchmarks.recipe import ALONE, ENCODER
from framework import Section
from framework.artifact.manifest import Manifest
from framework.artifact.sealed import open_artifact
from framework.report.console import as_text
from framework.run.folder import CONFIG, RunFolder
from framework_text.training_plan import FILE

SHAPES: Mapping[str, Sequence[str]] = {
    "full backbone": (),
    **{change: (change,) for change in ("model.layers=3", "model.layers=2", "model.freeze=embeddings", "model.freeze=3")},
}
SETTINGS = (ALONE, "export=[onnx,onnx_int8]", "tracker=none", "trainer.enable_progress_bar=false")
UNTIL_THE_END = "trainer.limit_val_batches=0"  # no validation: it would count in samples/s, and could stop training early
FP32, INT8 = "onnx", "onnx_int8"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8000, help="training rows (default 8000)")
    parser.add_argument("--epochs", type=int, default=2, help="of each shape (default 2)")
    parser.add_argument("--minutes", type=float, help="of training of each shape, instead of --epochs")
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="of the recipe, for every shape")
    options = parser.parse_args()
    length = f"trainer.max_epochs={options.epochs}" if options.minutes is None else f"model.minutes={options.minutes}"
    settings = [f"data.limit_rows={options.rows}", length, UNTIL_THE_END, *SETTINGS, *options.overrides]
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        manifests, epochs = {}, {}
        for number, (shape, changes) in enumerate(SHAPES.items()):
            folder = Path(name) / str(number)
            sentiment_run(folder, *settings, *changes)
            manifests[shape] = open_artifact(folder).manifest
            epochs[shape] = epochs_of(folder)
    print(as_text(training(manifests, epochs)) + "\n")
    print(as_text(files(manifests)))


def epochs_of(folder: Path) -> int:
    """The epochs of a run, by its plan or its recipe."""
    plan = json.loads((RunFolder(folder).trial(ENCODER) / FILE).read_text(encoding="utf-8"))
    return int(plan["epochs"] or OmegaConf.load(folder / CONFIG).trainer.max_epochs)


def training(manifests: Mapping[str, Manifest], epochs: Mapping[str, int]) -> Section:
    metric = next(iter(manifests.values())).metric.name

    def cells(shape: str, manifest: Manifest) -> tuple[str, ...]:
        model = manifest.model
        assert model.parameters is not None
        assert model.rows is not None
        assert model.training is not None, "an encoder is trained"
        learned = model.parameters - int(model.details.get("frozen parameters") or 0)
        speed = model.rows * epochs[shape] / model.training.seconds
        counts = (model.parameters, learned, model.rows, epochs[shape])
        tested = manifest.evaluation.candidates[ENCODER][metric]
        return shape, *(f"{count:,}" for count in counts), f"{speed:.1f}", f"{tested:.4f}"

    header = ("", "parameters", "trained", "rows", "epochs", "samples/s", f"{metric} on test")
    note = "samples/s: of training with its checkpoints; nothing is validated in between, and the last weights are used."
    return Section("Training", header, [cells(*each) for each in manifests.items()], note)


def files(manifests: Mapping[str, Manifest]) -> Section:
    def cells(shape: str, manifest: Manifest, file: str) -> tuple[str, ...]:
        variant = manifest.variants.get(file)
        if variant is None:
            return shape, f"{file}: no candidate shipped", "", "", "", ""
        name = f"{file} ({variant.precision})" if file == INT8 else file
        metric = variant.metrics[manifest.metric.name]
        speeds = f"{variant.per_second:.0f}", f"{variant.milliseconds:.1f}"
        return shape, name, f"{variant.bytes / 1e6:.1f}", *speeds, f"{metric:.4f}"

    rows = [cells(shape, manifest, file) for shape, manifest in manifests.items() for file in (FP32, INT8)]
    name = next(iter(manifests.values())).metric.name
    header = ("", "file", "MB", "a second in batches", "ms for one", f"{name} on validation")
    return Section("Files, as the runs measured them", header, rows)


if __name__ == "__main__":
    main()
