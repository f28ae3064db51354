"""Candidates side by side: on validation, to choose by, and on test, where the one that ships stands beside the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.message import Message, joined, message
from framework.contracts.section import Section


@dataclass(frozen=True)
class Standing:
    """The model beside the best of the baselines, on one metric."""

    metric: str
    value: float
    baseline: str | None
    """Its title; None where there is none, or a baseline itself ships alone."""
    baseline_value: float | None
    gain: float | None
    """Above 0 when the model is better."""

    @property
    def beats(self) -> bool | None:
        return None if self.gain is None else self.gain > 0


def standing(metric: Metric, evaluation: Evaluation, baselines: Mapping[str, Evaluation]) -> Standing:
    """baselines: by title."""
    value = evaluation.metrics[metric.name]
    values = {title: baseline.metrics[metric.name] for title, baseline in baselines.items()}
    if not values:
        return Standing(metric.name, value, None, None, None)
    best = max(values, key=lambda title: metric.gain(values[title], 0))
    return Standing(metric.name, value, best, values[best], metric.gain(value, values[best]))


def verdict(title: str, evaluation: Evaluation, place: Standing) -> str:
    """Whether the model is worth having, and what the numbers say nothing of."""
    return joined(filter(None, [_comparison(title, place), evaluation.limits]), " ")


def _comparison(title: str, place: Standing) -> Message:
    if place.gain is None:
        return message("{metric} {value:.4f}; there is no baseline to compare with.", metric=place.metric, value=place.value)
    numbers = {"metric": place.metric, "value": place.value, "other": place.baseline_value}
    if not place.beats:
        return message(
            "The {title} does NOT beat the baseline '{baseline}': {metric} {value:.4f} against {other:.4f}.",
            title=title,
            baseline=place.baseline,
            **numbers,
        )
    return message(
        "The {title} beats the best baseline, {baseline}: {metric} {value:.4f} against {other:.4f}, {gain:+.4f}.",
        title=title,
        baseline=place.baseline,
        gain=place.gain,
        **numbers,
    )


def scoreboard(metric: Metric, title: str, evaluation: Evaluation, baselines: Mapping[str, Evaluation]) -> Section:
    """Metrics on test of the file that ships and of the baselines, by title, the one that ships last."""
    everyone = {**baselines, title: evaluation}
    names = list(dict.fromkeys(name for one in everyone.values() for name in one.metrics))
    rows = [(c, *(f"{e.metrics[n]:.4f}" if n in e.metrics else "" for n in names)) for c, e in everyone.items()]
    sentence = verdict(title, evaluation, standing(metric, evaluation, baselines))
    note = joined(filter(None, [sentence, evaluation.protocol]))
    heading = message("Test rows, the file that ships and the baselines")
    return Section(heading, (message("candidate"), *names), rows, note, leads=True)
