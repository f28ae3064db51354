"""Fuzzes the server's OpenAPI schema with schemathesis: no status of 500 or more, no hang.

    pip install schemathesis
    python benchmarks/serving_fuzz.py runs/sentiment/latest --cases 5000

Every operation but /admin gets requests that the schema allows and requests that it does not, half each. 503 and 504 count as
failures too, as the server has no other load.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from benchmarks.machine import heading
from benchmarks.serving import ours, server
from framework import Section
from framework.report.console import as_text

HANG = 10.0  # seconds
WEIGHT = 10  # requests of an operation with a body, for one of any other
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", help="a run or an artifact")
    parser.add_argument("--cases", type=int, default=5000, help="at least so many requests (default 5000)")
    options = parser.parse_args()
    print(heading(), flush=True)
    with server(*ours(options.run)) as (url, process, _):
        report = fuzz(url, options.cases)
        alive = process.poll() is None
    print(as_text(report))
    if not alive or any(row[-1] for row in report.rows):
        sys.exit("error: the server failed")


def fuzz(url: str, cases: int) -> Section:
    """Fuzzes every operation with at least `cases` requests in all. The last column counts failures."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    every = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    operations = [operation for operation in every if not operation.path.startswith("/admin")]
    weights = {operation.label: WEIGHT if operation.method == "post" else 1 for operation in operations}
    rows = []
    for operation in operations:
        wanted = -(-cases * weights[operation.label] // sum(weights.values()) // 2)
        answers = [answer for mode in MODES for answer in ask(operation, mode, wanted)]
        statuses = Counter(status for status, _ in answers)
        failed = sum(count for status, count in statuses.items() if status >= 500)
        counts = " ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
        slowest = max(seconds for _, seconds in answers)
        rows.append((operation.label, len(answers), counts, f"{1000 * slowest:.0f}", failed))
    total = sum(int(row[1]) for row in rows)
    note = f"{total:,} requests. Targets: at least 5,000, none failed, none above {HANG:g} s"
    return Section("OpenAPI fuzzing", ("operation", "requests", "answers by status", "slowest ms", "failed"), rows, note)


def ask(operation: Any, mode: GenerationMode, cases: int) -> list[tuple[int, float]]:
    """The status and seconds of each request; an operation without parameters gets the same request repeatedly."""
    answers: list[tuple[int, float]] = []

    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        begun = time.perf_counter()
        response = case.call(timeout=HANG)
        answers.append((response.status_code, time.perf_counter() - begun))

    with suppress(Unsatisfiable):
        send()
    while len(answers) < cases:
        begun = time.perf_counter()
        answers.append((operation.Case().call(timeout=HANG).status_code, time.perf_counter() - begun))
    return answers


if __name__ == "__main__":
    main()
