"""Compares the shipped model with the baselines on the test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framework.contracts.evaluation import Evaluation, Metric
from framework.contracts.message import Message, joined, message
from framework.contracts.section import Section


@dataclass(frozen=True)
class Standing:
    """A metric of the shipped model and of the best baseline, on test."""

    metric: str
    value: float
    baseline: str | None
    """Title of the best baseline; None if there is no baseline, or if the only one ships itself."""
    baseline_value: float | None
    gain: float | None
    """How much better the model is than the baseline; above 0 if the model is better; None without a baseline."""

    @property
    def beats(self) -> bool | None:
        """Whether the model beats the best baseline; None without a baseline."""
        return None if self.gain is None else self.gain > 0


def standing(metric: Metric, evaluation: Evaluation, baselines: Mapping[str, Evaluation]) -> Standing:
    """The model's metric beside that of the best baseline. baselines: evaluations by title."""
    value = evaluation.metrics[metric.name]
    values = {title: baseline.metrics[metric.name] for title, baseline in baselines.items()}
    if not values:
        return Standing(metric.name, value, None, None, None)
    best = max(values, key=lambda title: metric.gain(values[title], 0))
    return Standing(metric.name, value, best, values[best], metric.gain(value, values[best]))


def verdict(title: str, evaluation: Evaluation, place: Standing) -> str:
    """Sentences that say whether the model beats the best baseline, and which labels were not tested. title: of the model."""
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
    """A table of the metrics on test of the baselines and, in the last row, of the shipped file.

    title: of the shipped candidate. evaluation: of the shipped file. baselines: evaluations by title.
    """
    by_title = {**baselines, title: evaluation}
    names = list(dict.fromkeys(name for judged in by_title.values() for name in judged.metrics))
    rows = [(c, *(f"{e.metrics[n]:.4f}" if n in e.metrics else "" for n in names)) for c, e in by_title.items()]
    sentence = verdict(title, evaluation, standing(metric, evaluation, baselines))
    note = joined(filter(None, [sentence, evaluation.protocol]))
    heading = message("Test rows, the file that ships and the baselines")
    return Section(heading, (message("candidate"), *names), rows, note, leads=True)
