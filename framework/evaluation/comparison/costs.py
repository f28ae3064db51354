"""What it costs to answer with an artifact: time, size, and the memory of a process that does nothing else."""

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

SINGLES, LONG_SINGLES = 40, 4  # requests timed one at a time; where each takes many runs
ANSWERED = 32  # requests that a process answers whose memory is measured
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Costs:
    """Measured here, on these rows."""

    milliseconds: float
    """Median of one request alone."""
    per_second: float
    """Rows, in batches."""
    bytes: int
    """Of the variant's files."""
    memory: int | None
    """Bytes, the most that a process held which answered some rows; None where the system does not say."""


def alone(models: Sequence[Model], table: Table) -> list[float]:
    """Milliseconds of one request, by model; in turn, so that whatever else the machine does meets all of them."""
    count = LONG_SINGLES if any(model.scheduler.stateful for model in models) else SINGLES
    requests = [requests_of(model.task, model.codec, table.take(range(min(count, len(table))))) for model in models]
    seconds: list[list[float]] = [[] for _ in models]
    for number in range(len(requests[0])):
        for model, asked, into in zip(models, requests, seconds, strict=True):
            started = time.perf_counter()
            model.scheduler.answer([asked[number]])
            into.append(time.perf_counter() - started)
    return [1000 * median(times[1:] or times) for times in seconds]  # the first prepares what the others use


def memory(model: Model, table: Table) -> int | None:
    """See `Costs.memory`. Raises FrameworkError where the process fails."""
    if not STATUS.is_file():
        return None
    asked = json.dumps(list(model.task.requests(table.take(range(min(ANSWERED, len(table)))))))
    command = [
        sys.executable,
        "-m",
        "framework.evaluation.comparison.costs",
        str(model.artifact.folder.resolve()),
        model.variant.name,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    process = subprocess.run(command, input=asked, capture_output=True, text=True, env=environment)  # noqa: S603
    if process.returncode:
        raise FrameworkError(f"the memory of {model.artifact.folder} cannot be measured: {process.stderr.strip()}")
    return int(process.stdout.split()[-1])


def _answer_and_tell(folder: str, variant: str, requests: Sequence[Request]) -> None:
    model = load_model(folder, variant)
    overrides = model.codec.interface().deterministic_overrides
    model.scheduler.answer([{**overrides, **model.codec.parse(request)} for request in requests])
    most = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(most.split()[1]) * 1024)


if __name__ == "__main__":
    _answer_and_tell(sys.argv[1], sys.argv[2], json.load(sys.stdin))
