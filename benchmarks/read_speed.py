"""Seconds and memory for reading a CSV of made-up texts, about 100 characters each.

python benchmarks/read_speed.py --rows 1000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.machine import heading
from benchmarks.synthetic import write_csv
from framework import Section
from framework.data.formats import arrow as _arrow  # noqa: F401, importing pyarrow is not reading
from framework.data.formats.reading import read_table
from framework.data.sources import File
from framework.report.console import as_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    print(heading())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(path, options.rows)
        before, started, used = peak(), time.perf_counter(), time.process_time()
        table = read_table([File(path)]).table
        took, used = time.perf_counter() - started, time.process_time() - used
        size = path.stat().st_size / 2**20
    row = (f"{len(table):,}", f"{size:.0f}", f"{took:.1f}", f"{used:.1f}", f"{before:.0f}", f"{peak():.0f}")
    print(as_text(Section("Reading", ("rows", "file MiB", "seconds", "CPU seconds", "peak MiB before", "after"), [row])))


def peak() -> float:
    """Of the resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
