"""Judges every candidate on the test rows, which none has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framework.contracts.candidate import Fitted
from framework.contracts.evaluation import Evaluation
from framework.contracts.section import Section
from framework.contracts.table import Table
from framework.evaluation.scoring import judge_rows
from framework.plugins import resolve
from framework.run.job import Job
from framework.runtime.scheduler import Scheduler


def evaluate(job: Job, fitted: Mapping[str, Fitted], test: Table) -> dict[str, Evaluation]:
    """An evaluation for each candidate; the model's own tables are shown."""
    found = {}
    codec = job.codec(fitted[job.task.model.name])
    requests = job.requests(codec, test)
    for name, candidate in fitted.items():
        if candidate.predict is not None:
            responses = candidate.predict(requests)
        else:
            from framework.export.module_backend import fitted_backend

            backend = fitted_backend(candidate)
            with job.progress(name, len(requests)) as answered:
                scheduler = Scheduler(job.codec(candidate), backend, candidate.graphs, answered=answered)
                responses = judge_rows(job.task, scheduler, requests, test)
        found[name] = resolve(job.task.evaluate)(responses, test, candidate.facts)
    for section in found[job.task.model.name].sections:
        job.console.show(section)
    return found


def scoreboard(job: Job, scores: Mapping[str, Evaluation]) -> Section:
    """Metrics of all candidates side by side, the model last."""
    names = list(dict.fromkeys(name for score in scores.values() for name in score.metrics))
    rows = [(c, *(f"{s.metrics[n]:.4f}" if n in s.metrics else "" for n in names)) for c, s in scores.items()]
    note = "\n".join(filter(None, [verdict(job, scores), scores[job.task.model.name].protocol]))
    return Section("Test rows, model and baselines", ("candidate", *names), rows, note, leads=True)


@dataclass(frozen=True)
class Standing:
    """The model beside the best of its baselines, on the metric of the task. gain: above 0 when the model is better."""

    metric: str
    value: float
    baseline: str | None
    baseline_value: float | None
    gain: float | None

    @property
    def beats(self) -> bool | None:
        return None if self.gain is None else self.gain > 0


def standing(job: Job, scores: Mapping[str, Evaluation]) -> Standing:
    metric = job.task.metric
    value = scores[job.task.model.name].metrics[metric.name]
    others = {name: score.metrics[metric.name] for name, score in scores.items() if name != job.task.model.name}
    if not others:
        return Standing(metric.name, value, None, None, None)
    best = max(others, key=lambda name: metric.gain(others[name], 0))
    return Standing(metric.name, value, best, others[best], metric.gain(value, others[best]))


def verdict(job: Job, scores: Mapping[str, Evaluation]) -> str:
    """Whether the model is worth having, and what the numbers say nothing of."""
    limits = f" {scores[job.task.model.name].limits}".rstrip()
    found = standing(job, scores)
    if found.gain is None:
        return f"{found.metric} {found.value:.4f}; the task has no baseline to compare with.{limits}"
    numbers = f"{found.metric} {found.value:.4f} against {found.baseline_value:.4f}"
    if not found.beats:
        return f"The model does NOT beat the baseline {found.baseline!r}: {numbers}.{limits}"
    return f"The model beats the best baseline, {found.baseline}: {numbers}, {found.gain:+.4f}.{limits}"
