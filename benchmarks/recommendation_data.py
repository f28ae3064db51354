"""Rows a second and memory for reading, cleaning, splitting and training on a synthetic log: 100,000 items, 200,000 users.

    python benchmarks/recommendation_data.py --rows 20000000
    python benchmarks/recommendation_data.py --rows 20000000 --train sasrec --batches 1000

The steps are those of a run of the recommendation recipe. --train adds one epoch of an algorithm, or --batches of it, with
validation and checkpoints as in a run; its rows are the interactions that it read. The peak is of the whole process, including
the writing of the log, which holds half a million rows at a time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.machine import heading
from benchmarks.read_speed import peak
from benchmarks.synthetic import write_interactions
from framework import FitContext, Section
from framework.data.formats.reading import read_table
from framework.data.sources import File
from framework.plugins import load_plugins
from framework.report.console import as_text
from framework_recommendation.cleaning import clean
from framework_recommendation.log import read_log
from framework_recommendation.models import ALGORITHMS, SideInformation
from framework_recommendation.options import BprOptions, NetworkOptions, SasrecOptions
from framework_recommendation.splitting import PARTS, Split, split

OPTIONS: Mapping[str, type[NetworkOptions]] = {"sasrec": SasrecOptions, "bpr": BprOptions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--train", choices=tuple(OPTIONS), help="one epoch of it, after the split in time")
    parser.add_argument("--batches", type=int, help="of the epoch (default: all)")
    options = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        steps = _Steps(options.rows)
        path = Path(folder) / f"log.{options.format}"
        steps.time("make the log", partial(write_interactions, path, options.rows))
        table = steps.time("read", lambda: read_table([File(path)]).table)
        log = steps.time("ids and times as numbers", partial(read_log, table))
        del table
        log = steps.time("clean: duplicates, 5-core", partial(clean, log, print, core=5))
        for protocol in reversed(PARTS):
            parts = steps.time(f"split: {protocol}", partial(split, log, protocol, seed=0))
            print(f"{parts.protocol}: {len(parts.train):,} interactions to learn from")
        del log
        if options.train:
            learn(steps, parts, options.train, options.batches, Path(folder))
        size = path.stat().st_size / 2**20
    note = f"The file has {size:,.0f} MiB. Target: 20,000,000 rows in less than 6,000 MiB."
    print(as_text(Section("A log", ("step", "seconds", "rows a second", "peak MiB so far"), steps.rows, note)))


def learn(steps: _Steps, parts: Split, algorithm: str, batches: int | None, folder: Path) -> None:
    """Trains one epoch on the leave-one-out split. Rows are counted as items of histories, each truncated to the window."""
    trainer = {"accelerator": "cpu", "enable_progress_bar": False, "limit_train_batches": batches or 1.0}
    metric = load_plugins().task("recommendation").metrics[0]
    options: NetworkOptions = OPTIONS[algorithm](epochs=1, minutes=None)
    context: FitContext[Any, Any] = FitContext(None, options, metric, 0, folder, folder, lambda section: None, trainer=trainer)
    fit = partial(ALGORITHMS[algorithm], parts.train, parts.validation, options, context, SideInformation())
    trained = steps.time(f"fit: {algorithm}", fit)
    assert trained.training is not None
    lengths = np.minimum(parts.train.lengths(), trained.max_history + 1)
    share = trained.training.steps * options.batch_size / len(lengths)
    read, seconds = int(lengths.sum() * min(1.0, share)), trained.training.seconds
    users = f"{trained.training.steps:,} steps of {options.batch_size} users"
    about = f"{users}, {min(1.0, share):.0%} of an epoch, validated"
    steps.rows.append((f"of which training: {about}", f"{seconds:.1f}", f"{read / seconds:,.0f}", f"{peak():,.0f}"))


Result = TypeVar("Result")


class _Steps:
    """Times steps over a number of rows."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.rows: list[tuple[str, ...]] = []

    def time(self, name: str, step: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        result = step()
        took = time.perf_counter() - started
        self.rows.append((name, f"{took:.1f}", f"{self.count / took:,.0f}", f"{peak():,.0f}"))
        return result


if __name__ == "__main__":
    main()
