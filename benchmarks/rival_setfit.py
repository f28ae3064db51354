"""SetFit, run by benchmarks/auto.py in a Python of its own: pip install setfit.

    python benchmarks/rival_setfit.py train.csv ENCODER SECONDS SEED < texts.json

Trains the encoder on pairs for so many seconds, then the head, and prints the labels of the texts as JSON. How many steps fit
is measured first, which the time does not count. Everything else is SetFit's default.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

MEASURED = 12  # steps that are timed
BATCH = 16  # SetFit's default


def main(train: Path, encoder: str, seconds: float, seed: int) -> None:
    with train.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts = json.loads(sys.stdin.read())
    started = time.perf_counter()
    fit(encoder, rows, MEASURED, seed)
    pace = (time.perf_counter() - started) / MEASURED
    steps = max(1, int(seconds / pace))
    print(f"SetFit: {steps} steps of {BATCH} pairs", file=sys.stderr)
    model = fit(encoder, rows, steps, seed)
    print(json.dumps([str(label) for label in model.predict(texts)]))


def fit(encoder: str, rows: list[dict[str, str]], steps: int, seed: int) -> Any:
    labels = sorted({row["label"] for row in rows})
    model = SetFitModel.from_pretrained(encoder, labels=labels)
    arguments = TrainingArguments(
        batch_size=BATCH, max_steps=steps, seed=seed, save_strategy="no", report_to="none", show_progress_bar=False
    )
    data = Dataset.from_dict({"text": [row["text"] for row in rows], "label": [labels.index(row["label"]) for row in rows]})
    Trainer(model=model, args=arguments, train_dataset=data).train()
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
