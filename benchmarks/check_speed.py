"""Wall time and peak memory of ``python -m framework check`` on a CSV of made-up texts, about 100 characters each.

python benchmarks/check_speed.py --rows 100000 1000000
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.process import command
from benchmarks.synthetic import write_csv
from framework import Section
from framework.report.console import as_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000], help="one check of each size")
    options = parser.parse_args()
    print(heading(), flush=True)
    rows = [measure(count) for count in options.rows]
    header = ("rows", "file MB", "seconds", "peak MB")
    note = "Targets: 100,000 rows in less than 10 s; 1,000,000 rows in less than 1,500 MB."
    print(as_text(Section("check recipe=sentiment data.train=FILE", header, rows, note)))


def measure(count: int) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(path, count)
        cost = command("check", "recipe=sentiment", f"data.train={path}", shown=False)
        size = path.stat().st_size / 1e6
    return f"{count:,}", f"{size:.0f}", f"{cost.seconds:.1f}", f"{cost.peak / 1e6:,.0f}"


if __name__ == "__main__":
    main()
