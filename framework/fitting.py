"""Fits the candidates of a task: the baselines, then the model."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import numpy as np

from framework.contracts import Fitted
from framework.data.table import Splits
from framework.job import Job
from framework.plugins import resolve


def fit_candidates(job: Job, splits: Splits) -> dict[str, Fitted]:
    """Every candidate by name, each fitted from the same seed on the same rows, the cheap ones first."""
    fitted: dict[str, Fitted] = {}
    for candidate in sorted(job.task.candidates, key=lambda candidate: not candidate.baseline):
        random.seed(job.config.seed)
        np.random.seed(job.config.seed)
        started = time.perf_counter()
        result: Fitted = resolve(candidate.fit)(job.context(candidate, splits))
        seconds = round(time.perf_counter() - started, 1)
        fitted[candidate.name] = replace(result, facts={**result.facts, "fit_seconds": seconds})
        job.console.say(f"{candidate.name}: fitted in {seconds} s")
    return fitted
