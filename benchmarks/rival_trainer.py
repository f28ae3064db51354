"""Hugging Face's Trainer, run by benchmarks/auto.py as a program of its own, with one wall clock for everything.

    python -m benchmarks.rival_trainer FOLDER SECONDS SEED < texts.json

Trains as the expert of benchmarks/training_quality.py, on the training rows of the framework's split of FOLDER/train.csv, and
prints the labels of the texts as JSON. Imports, reading, the steps that are timed to plan the schedule, and the answers are
within the seconds: how fast it answers is measured on validation rows. Needs accelerate.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

STARTED = time.perf_counter()  # before the slow imports
QUIET = ("trainer.enable_progress_bar=false", "tracker=none", "data.limit_rows=null")


def main(folder: Path, seconds: float, seed: int) -> None:
    from benchmarks.recipe import encoder_fit
    from benchmarks.training_quality import MEASURED, answers, learned, scores_of, tokenize, train

    texts = json.loads(sys.stdin.read())
    with (
        tempfile.TemporaryDirectory() as place,
        encoder_fit(
            Path(place) / "run",
            f"data.train={folder / 'train.csv'}",
            f"data.test={folder / 'test.csv'}",
            f"seed={seed}",
            *QUIET,
        ) as fit,
    ):
        rows = learned(fit)
        network, pace = train(fit, rows, MEASURED)
        validation = fit.data.splits.validation.texts("text")
        began = time.perf_counter()
        answers(tokenize(fit, validation), scores_of(network.eval()))
        answering = (time.perf_counter() - began) * len(texts) / len(validation)
        left = seconds - answering - (time.perf_counter() - STARTED)
        network, _ = train(fit, rows, max(1, int(left / pace)))
        numbers = answers(tokenize(fit, texts), scores_of(network.eval()))
        print(json.dumps([fit.data.labels[number] for number in numbers]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
