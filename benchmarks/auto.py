"""Accuracy on test rows and wall clock of `recipe=auto`, beside what people would use instead, on the same rows and time.

    python benchmarks/auto_sets.py data sets
    python benchmarks/auto.py sets/banking77 --budget 1m 4m 10m --seeds 0 1 2
    python benchmarks/auto.py sets/news sets/movies --budget 4m --rivals trainer linear frozen
    python benchmarks/auto.py sets/banking77-10 --budget 4m --seeds 0 1 2 3 4 --rivals setfit --setfit venv/bin/python
    python benchmarks/auto.py sets/news --budget 1m --rivals --load          while another program uses a core half of the time

Each folder holds train.csv and test.csv with the columns text and label. The clock of this framework is that of the whole
process: imports, reading, fits, files, proofs, INT8, report. The rivals:

trainer   Hugging Face's Trainer as in benchmarks/training_quality.py, in a program whose wall clock is the budget, too; it
          neither exports nor proves anything. Needs accelerate.
linear    TF-IDF and logistic regression, this framework's candidate without time limit
frozen    features of the encoder and logistic regression, this framework's candidate without time limit
setfit    SetFit in a Python of its own (--setfit), with the same encoder; training for the whole budget
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, pstdev

import numpy as np

from benchmarks.machine import heading
from benchmarks.process import command
from framework import Section, load
from framework.artifact.sealed import open_artifact
from framework.recipe.validation import seconds_of
from framework.report.console import as_text

RIVALS = ("trainer", "linear", "frozen", "setfit")
QUIET = ("trainer.enable_progress_bar=false", "tracker=none")
DRAWS = 2000  # bootstrap samples
LATE = (0.05, 5.0)  # an overrun is more than this share of the budget, and more than so many seconds
BUSY = "import time\nwhile True:\n    end = time.time() + 0.05\n    while time.time() < end: pass\n    time.sleep(0.05)"


@dataclass(frozen=True)
class Rows:
    """The test rows of a set, by text: the first of each."""

    labels: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Rows:
        with (folder / "test.csv").open(encoding="utf-8", newline="") as stream:
            return cls({row["text"]: row["label"] for row in csv.DictReader(stream)})

    def right(self, answers: Sequence[str]) -> np.ndarray:
        """(rows,) bool: whether the answer is the row's label."""
        return np.array([answer == label for answer, label in zip(answers, self.labels.values(), strict=True)])


@dataclass(frozen=True)
class Run:
    """A contender's answers to the test rows, and what they took."""

    right: np.ndarray
    seconds: float
    shipped: str = ""
    """The candidate that shipped."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="folders with train.csv and test.csv")
    parser.add_argument("--budget", nargs="+", default=["4m"], help="such as 1m 4m 10m (default 4m)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="default 0")
    parser.add_argument("--rivals", nargs="*", choices=RIVALS, default=[], help="default: none")
    parser.add_argument("--setfit", default=sys.executable, help="the Python that has setfit (default: this one)")
    parser.add_argument("--load", action="store_true", help="use a core half of the time meanwhile")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of recipe=auto")
    options = parser.parse_args()
    print(heading(), flush=True)
    with busy() if options.load else nullcontext():
        for folder in options.sets:
            for budget in options.budget:
                print(as_text(of_set(folder, budget, options)), flush=True)


def of_set(folder: Path, budget: str, options: argparse.Namespace) -> Section:
    """Each seed's runs, their means and spread, and paired differences to each rival."""
    rows = Rows.read(folder)
    seconds = seconds_of(budget) or math.inf
    contenders: dict[str, Callable[[int], Run]] = {"auto": partial(ours, folder, rows, budget, options.set)}
    for name in options.rivals:
        contenders[name] = partial(rival, name, folder, rows, seconds, options.setfit)
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for seed in options.seeds:
        for name, contend in contenders.items():
            run = contend(seed)
            runs[name].append(run)
            print(
                f"{folder.name} {budget} seed {seed} {name}: {run.right.mean():.4f} in {run.seconds:.0f} s {run.shipped}",
                flush=True,
            )
    lines = [line(name, of_name, runs["auto"], seconds) for name, of_name in runs.items()]
    header = ("", "accuracy", "spread", "seconds", "overrun", "auto minus this, 95 %", "shipped")
    return Section(f"{folder.name}, budget={budget}, {len(rows.labels):,} test rows, {len(options.seeds)} seeds", header, lines)


def line(name: str, runs: Sequence[Run], auto: Sequence[Run], budget: float) -> tuple[str, ...]:
    accuracies, seconds = [float(run.right.mean()) for run in runs], [run.seconds for run in runs]
    late = max(seconds) - budget
    overrun = f"{late:.0f} s" if late > max(LATE[0] * budget, LATE[1]) else "none"
    spread = f"{pstdev(accuracies):.4f}" if len(runs) > 1 else ""
    shipped = " ".join(dict.fromkeys(run.shipped for run in runs))
    ours = name == "auto"
    ahead = "" if ours else interval([a.right for a in auto], [run.right for run in runs])
    longest = f"{max(seconds):.0f}"
    return (name, f"{mean(accuracies):.4f}", spread, longest, overrun if ours else "", ahead, shipped)


def interval(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> str:
    """The mean difference of accuracy over seeds, with the 95 % interval of the paired bootstrap over rows."""
    differences = np.mean([of_a.astype(float) - of_b for of_a, of_b in zip(a, b, strict=True)], axis=0)
    random = np.random.default_rng(0)
    drawn = [differences[random.integers(len(differences), size=len(differences))].mean() for _ in range(DRAWS)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{differences.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def ours(folder: Path, rows: Rows, budget: str | None, overrides: Sequence[str], seed: int) -> Run:
    """A whole run of `recipe=auto` in a process of its own. budget: None is no limit."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        limit = f"budget={budget or 'null'}"
        files = (f"data.train={folder / 'train.csv'}", f"data.test={folder / 'test.csv'}")
        cost = command("recipe=auto", *files, limit, f"seed={seed}", f"hydra.run.dir={run}", *QUIET, *overrides, shown=False)
        answers = [answer["label"] for answer in load(run).predict(list(rows.labels))]
        return Run(rows.right(answers), cost.seconds, open_artifact(run).manifest.candidate)


def rival(name: str, folder: Path, rows: Rows, seconds: float, setfit: str, seed: int) -> Run:
    if name == "trainer":
        return answered_by([sys.executable, "-m", "benchmarks.rival_trainer", str(folder), str(seconds), str(seed)], rows)
    if name == "setfit":
        from benchmarks.recipe import backbone

        program = [setfit, str(Path(__file__).with_name("rival_setfit.py"))]
        return answered_by([*program, str(folder / "train.csv"), str(backbone()), str(seconds), str(seed)], rows)
    limits = ("candidates.frozen.encode_minutes=null",) if name == "frozen" else ()
    return ours(folder, rows, None, [f"candidates=[{name}]", "export=[onnx]", *limits], seed)


def answered_by(program: Sequence[str], rows: Rows) -> Run:
    """A program that reads texts as JSON from its standard input and writes their labels."""
    started = time.perf_counter()
    done = subprocess.run(program, input=json.dumps(list(rows.labels)), stdout=subprocess.PIPE, text=True, check=True)
    answers = json.loads(done.stdout.splitlines()[-1])
    return Run(rows.right(answers), time.perf_counter() - started)


@contextmanager
def busy() -> Iterator[None]:
    """Another program that uses a core half of the time."""
    program = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        program.kill()


if __name__ == "__main__":
    main()
