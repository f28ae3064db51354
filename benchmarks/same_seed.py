"""Runs a small sentiment recipe twice with one seed, each in its own process, and compares the metrics bit by bit.

    python benchmarks/same_seed.py
    python benchmarks/same_seed.py data.limit_rows=1000 seed=7

Its encoder competes alone. Exits with 1 when any number differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.process import sentiment_run
from benchmarks.recipe import ALONE
from framework import Section
from framework.report.console import as_text

SMALL = (ALONE, "data.limit_rows=320", "data.validation_fraction=0.01", "data.test_fraction=0.01", "trainer.max_epochs=1",
         "model.attention=eager")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help=f"after {' '.join(SMALL)}")
    options = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        first, second = (metrics(Path(folder) / name, options.overrides) for name in ("first", "second"))
    equal = first == second
    print(as_text(table(first, second)))
    print(f"equal: {'yes' if equal else 'no'}")
    return 0 if equal else 1


def metrics(folder: Path, overrides: list[str]) -> dict[str, float]:
    """Runs the recipe in `folder`, with its output on stderr. Returns "candidate: metric" -> value."""
    sentiment_run(folder, *SMALL, *overrides)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {f"{name}: {key}": value for name, scores in report["metrics"].items() for key, value in scores.items()}


def table(first: dict[str, float], second: dict[str, float]) -> Section:
    """The numbers in full: equal text means equal bits."""
    rows = [
        (name, repr(first.get(name)), repr(second.get(name)), "yes" if first.get(name) == second.get(name) else "no")
        for name in {**first, **second}
    ]
    return Section("Two runs with one seed", ("", "first run", "second run", "equal"), rows)


if __name__ == "__main__":
    sys.exit(main())
