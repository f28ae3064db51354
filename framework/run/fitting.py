"""Fits the candidates of a task: the baselines, then the model."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from framework.contracts.candidate import Candidate, FitContext, Fitted
from framework.contracts.section import Section
from framework.contracts.table import Splits
from framework.plugins import resolve
from framework.run.job import Job


def fit_candidates(job: Job, splits: Splits) -> dict[str, Fitted]:
    """Every candidate by name, each fitted from the same seed on the same rows, the cheap ones first."""
    fitted: dict[str, Fitted] = {}
    for candidate in sorted(job.task.candidates, key=lambda candidate: not candidate.baseline):
        started = time.perf_counter()
        changes = {} if candidate.baseline else {"resume": job.checkpoint()}
        result = fit_candidate(job, candidate, splits, **changes)
        seconds = round(time.perf_counter() - started, 1)
        fitted[candidate.name] = replace(result, facts={**result.facts, "fit_seconds": seconds})
        job.console.say(f"{candidate.name}: fitted in {seconds} s")
        if result.facts:
            rows = [(name, _readable(value)) for name, value in fitted[candidate.name].facts.items()]
            job.console.show(Section(f"About the {candidate.name}", ("", ""), rows))
    job.note_fitted()
    return fitted


def _readable(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value


def fit_candidate(job: Job, candidate: Candidate, splits: Splits, **changes: Any) -> Fitted:
    """One candidate, with every random generator seeded. `changes` replace fields of its `FitContext`."""
    from pytorch_lightning import seed_everything

    context: FitContext = replace(job.context(candidate, splits), **changes)
    seed_everything(context.seed, verbose=False)
    fitted: Fitted = resolve(candidate.fit)(context)
    return fitted
