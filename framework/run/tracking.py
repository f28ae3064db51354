"""Tells the recipe's trackers about a run. Once it has begun, none of them can end it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from framework.contracts.evaluation import Evaluation
from framework.contracts.tracker import TrackedRun
from framework.errors import FrameworkError
from framework.export.variants import Variants
from framework.machine.disk import explain
from framework.plugins import load_plugins, resolve
from framework.recipe.validation import options_of
from framework.run.job import Job


def start_trackers(job: Job) -> None:
    """Opens each tracker and gives it the composed recipe. Raises FrameworkError when one cannot start.

    Files that are made again belong to a run that was tracked already.
    """
    for name in map(str, job.config.tracker if job.trains else ()):
        tracker = load_plugins().tracker(name)
        job.console.say(f"tracker {name}: starting")
        try:
            run = resolve(tracker.open)(options_of(job.config.tracker[name], tracker.options), job.recipe, job.folder)
            job.trackers.append(Guarded(name, run, job.console.say))
            job.trackers[-1].begin(_chosen(job.config))
        except FrameworkError:
            raise
        except Exception as error:  # whatever the library raises: an address, a network, an account
            reason = f"tracker {name} cannot start: {explain(error, job.folder) or _first_line(error)}"
            raise FrameworkError(f"{reason}\nnothing was trained; tracker=none runs without one") from error


def finish_trackers(job: Job, scores: Mapping[str, Evaluation], variants: Variants, artifact: Path) -> None:
    """Gives each tracker the final metrics and the sealed artifact."""
    metrics = final_metrics(job.task.model.name, scores, variants)
    for tracker in job.trackers:
        tracker.finish(metrics, artifact)


def final_metrics(model: str, scores: Mapping[str, Evaluation], variants: Variants) -> dict[str, float]:
    """``test/METRIC`` of the model, ``test/BASELINE/METRIC``, and for each file metric on validation, size and speed."""
    found: dict[str, float] = {}
    for candidate, score in scores.items():
        prefix = "test" if candidate == model else f"test/{_slug(candidate)}"
        found |= {f"{prefix}/{name}": value for name, value in score.metrics.items()}
    for measured in [variants.reference, *variants.all]:
        facts = {"bytes": measured.bytes, "milliseconds": measured.milliseconds, "per_second": measured.per_second}
        facts |= {f"validation/{name}": value for name, value in measured.metrics.items()}
        found |= {f"files/{_slug(measured.name)}/{name}": float(value) for name, value in facts.items()}
    return found


class Guarded(Logger):
    """A tracked run as Lightning sees it: its first failure is said, and it gets no more training metrics."""

    def __init__(self, tracker: str, run: TrackedRun, say: Callable[[str], None]) -> None:
        super().__init__()
        self.tracker, self.run, self.say = tracker, run, say
        self.failed = False

    @property
    def name(self) -> str:
        return self.tracker

    @property
    def version(self) -> str:
        return ""

    def begin(self, recipe: dict[str, Any]) -> None:
        """Raises what the tracker raises: the run has not begun."""
        try:
            self.run.log_hyperparams(recipe)
        except Exception:
            self.failed = True
            raise

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """What a module saves of its own arguments; the recipe says as much."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if not self.failed:
            self._try(lambda: self.run.log_metrics(metrics, step), "it gets no more training metrics, and the run goes on")

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._try(lambda: self.run.finalize(status), None if self.failed else "what it shows may be incomplete")

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self._try(lambda: self.run.finish(metrics, artifact), "it may lack the final metrics and the artifact")

    def _try(self, act: Callable[[], None], consequence: str | None) -> None:
        """consequence: what to say of a failure; None when it has been said."""
        try:
            act()
        except Exception as error:  # a server that is away must not cost a training
            self.failed = True
            if consequence:
                self.say(f"warning: tracker {self.tracker} failed: {_first_line(error)}; {consequence}")


def _chosen(config: DictConfig) -> dict[str, Any]:
    """The composed recipe without what is left open."""
    plain = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in _without_none(plain).items()}


def _without_none(section: Mapping[Any, Any]) -> dict[Any, Any]:
    kept = {key: _without_none(value) if isinstance(value, Mapping) else value for key, value in section.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _slug(name: str) -> str:
    """A name that every tracker takes: ``TF-IDF + logistic regression`` -> ``tf-idf_logistic_regression``."""
    return re.sub(r"[^\w.-]+", "_", name.lower()).strip("_")


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
