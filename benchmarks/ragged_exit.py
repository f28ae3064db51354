"""Exit codes of ``python -m framework check`` on a CSV with a row that has a field too many, again and again, under load.

Every run must end with 2: the reader's threads must not outlive the error. ``--load`` processes keep the cores busy meanwhile.

python benchmarks/ragged_exit.py --runs 200 --load 4
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import heading

EXPECTED = 2
ROWS = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=2, help="runs beside each other")
    parser.add_argument("--load", type=int, default=4, help="processes that keep the cores busy")
    parser.add_argument("--file", type=Path, help="a ragged file; default: one is made")
    options = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as folder, busy(options.load):
        path = options.file or write_ragged(Path(folder) / "ragged.csv")
        with ThreadPoolExecutor(options.at_once) as pool:
            codes = Counter(pool.map(exit_code, [path] * options.runs))
    for code, count in codes.most_common():
        print(f"{count:,} of {options.runs:,} runs ended with {code}")
    return int(set(codes) != {EXPECTED})


def write_ragged(path: Path) -> Path:
    rows = [f"This is text number {number} of a file,{('good', 'bad')[number % 2]}" for number in range(ROWS)]
    path.write_text("\n".join(["text,label", *rows[:150], "one, too many,good", *rows[150:], ""]), encoding="utf-8")
    return path


def exit_code(path: Path) -> int:
    """As a shell shows it: a process that signal 6 ended has 134."""
    command = [sys.executable, "-m", "framework", "check", "recipe=sentiment", f"data.train={path}"]
    code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode
    return code if code >= 0 else 128 - code


@contextmanager
def busy(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
