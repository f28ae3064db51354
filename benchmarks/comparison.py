"""Seconds and memory of the statistics of ``compare``: 10,000 rows, 2,000 samples, as many classes as asked for.

    python benchmarks/comparison.py --rows 10000 --draws 2000 --classes 3 77

Answers are random, two thirds of them right, so that no model runs. Exits with 1 when one takes longer than the limit.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np

from benchmarks.machine import heading
from framework import Answers, Evaluation, Metric, Section, Table
from framework.evaluation.comparison.bootstrap import over_all
from framework.evaluation.comparison.judged import JudgedAnswers
from framework.evaluation.comparison.statistics import Statistics
from framework.report.console import as_text
from framework_classification.task import ClassificationTask

LIMIT = 2.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 77])
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that the statistics may take (default %(default)s)")
    options = parser.parse_args()
    print(heading(), flush=True)
    rows = []
    slow = False
    for classes in options.classes:
        statistics = random_statistics(options.rows, classes, options.draws)
        (seconds, cpu), peak = timed(statistics), memory(statistics)
        slow = slow or seconds > options.limit
        rows.append((f"{classes:,}", f"{seconds:.2f} s", f"{cpu:.2f} s", f"{peak / 1e6:.0f} MB"))
    note = f"differences with intervals, McNemar's test and every class; limit {options.limit:g} s"
    print(
        as_text(
            Section(
                f"compare, {options.rows:,} rows, {options.draws:,} samples",
                ("classes", "time", "of a CPU", "memory"),
                rows,
                note,
            )
        )
    )
    return 1 if slow else 0


def random_statistics(count: int, classes: int, draws: int) -> Statistics:
    random = np.random.default_rng(0)
    names = [f"class {i}" for i in range(classes)]
    targets = random.integers(classes, size=count)
    table = Table({"text": [""] * count, "label": [names[i] for i in targets]}, list(range(count)), "made up")
    task = ClassificationTask()
    sides = []
    for seed in (1, 2):
        answers = random_answers(names, targets, seed)
        contributions = task.contributions(answers, table)
        metrics = {name: float(value[0]) for name, value in over_all(contributions, np.arange(count)).metrics.items()}
        sides.append(JudgedAnswers(answers, Evaluation(metrics), contributions))
    return Statistics(task, table, Metric("macro_f1"), (sides[0], sides[1]), draws, 0.95, 0)


def random_answers(names: list[str], targets: np.ndarray, seed: int) -> Answers:
    random = np.random.default_rng(seed)
    answered = np.where(random.random(len(targets)) < 2 / 3, targets, random.integers(len(names), size=len(targets)))
    responses = []
    for label, sure in zip(answered, 0.5 + 0.5 * random.random(len(targets)), strict=True):
        probabilities = dict.fromkeys(names, (1 - sure) / max(1, len(names) - 1))
        responses.append({"probabilities": {**probabilities, names[label]: float(sure)}})
    return Answers(None, responses)  # type: ignore[arg-type]  # no codec is asked


def everything(statistics: Statistics) -> None:
    statistics.differences()
    statistics.test()
    statistics.classes()


def timed(statistics: Statistics) -> tuple[float, float]:
    """Seconds by the clock, the best of three, and of a CPU: other programs lengthen the first."""
    seconds = []
    for _ in range(3):
        started, busy = time.perf_counter(), time.process_time()
        everything(fresh(statistics))
        seconds.append((time.perf_counter() - started, time.process_time() - busy))
    return min(seconds)


def memory(statistics: Statistics) -> int:
    """Peak bytes allocated by the statistics."""
    tracemalloc.start()
    everything(fresh(statistics))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def fresh(used: Statistics) -> Statistics:
    """The same statistics without cached results."""
    return Statistics(used.task, used.table, used.metric, used.sides, used.draws, used.confidence, used.seed)


if __name__ == "__main__":
    raise SystemExit(main())
