"""The costs of answering with an artifact: latency, throughput, size, and peak memory of a process that only answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from framework.contracts.data.table import Table
from framework.contracts.graph import Request
from framework.errors import FrameworkError
from framework.evaluation.judge import requests_of
from framework.runtime.model import Model, load_model

SINGLES, LONG_SINGLES = 40, 4  # requests that are timed one at a time, at most; the latter if a request needs many graph calls
ANSWERED = 32  # requests that the process with measured memory answers, at most
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Costs:
    """Costs of answering rows with an artifact on this machine."""

    milliseconds: float
    """Median latency of a single request."""
    per_second: float
    """Throughput: rows per second, in batches."""
    bytes: int
    """Size of the variant's files."""
    memory: int | None
    """Peak memory in bytes of a process that answers some rows; None if the system does not report it."""


def latencies(models: Sequence[Model], table: Table) -> list[float]:
    """Median milliseconds of a single request, for each model; models take turns, so that other load affects them equally."""
    count = LONG_SINGLES if any(model.scheduler.stateful for model in models) else SINGLES
    requests = [requests_of(model.task, model.codec, table.take(range(min(count, len(table))))) for model in models]
    seconds: list[list[float]] = [[] for _ in models]
    for number in range(len(requests[0])):
        for model, of_model, times in zip(models, requests, seconds, strict=True):
            started = time.perf_counter()
            model.scheduler.answer([of_model[number]])
            times.append(time.perf_counter() - started)
    return [1000 * median(times[1:] or times) for times in seconds]  # the first request warms up


def memory(model: Model, table: Table) -> int | None:
    """Peak memory in bytes of a process that answers some rows; None if the system does not report it.

    Raises FrameworkError if the process fails.
    """
    if not STATUS.is_file():
        return None
    requests = json.dumps(list(model.task.requests(table.take(range(min(ANSWERED, len(table)))))))
    command = [
        sys.executable,
        "-m",
        "framework.evaluation.comparison.costs",
        str(model.artifact.folder.resolve()),
        model.variant.name,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    process = subprocess.run(command, input=requests, capture_output=True, text=True, env=environment)  # noqa: S603
    if process.returncode:
        raise FrameworkError(f"the memory of {model.artifact.folder} cannot be measured: {process.stderr.strip()}")
    return int(process.stdout.split()[-1])


def _print_peak_memory(folder: str, variant: str, requests: Sequence[Request]) -> None:
    """Answers the requests and prints the peak memory of this process in bytes."""
    model = load_model(folder, variant)
    overrides = model.codec.interface().deterministic_overrides
    model.scheduler.answer([{**overrides, **model.codec.parse(request)} for request in requests])
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(peak.split()[1]) * 1024)


if __name__ == "__main__":
    _print_peak_memory(sys.argv[1], sys.argv[2], json.load(sys.stdin))
