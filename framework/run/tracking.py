"""Reports a run to the recipe's trackers. Once the trackers are open, an error of a tracker cannot end the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from framework.contracts.tracker import TrackedRun
from framework.errors import FrameworkError
from framework.export.reports import ExportReport
from framework.machine.disk import explain
from framework.plugins import load_plugins, resolve
from framework.recipe.validation import options_of
from framework.run.context import Run
from framework.run.judging import Judgement


class Guarded:
    """Passes a run to a `TrackedRun`. Errors of the latter become warnings; after the first it gets no training metrics."""

    def __init__(self, name: str, tracked: TrackedRun, say: Callable[[str], None]) -> None:
        self.name, self.tracked, self.say = name, tracked, say
        self.failed = False

    def begin(self, recipe: dict[str, Any]) -> None:
        """Logs the recipe. Raises the tracker's error, because the run has not begun."""
        try:
            self.tracked.log_hyperparams(recipe)
        except Exception:
            self.failed = True
            raise

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not self.failed:
            self._try(lambda: self.tracked.log_metrics(metrics, step), "it gets no more training metrics, and the run goes on")

    def finalize(self, status: str) -> None:
        self._try(lambda: self.tracked.finalize(status), None if self.failed else "what it shows may be incomplete")

    def finish(self, metrics: Mapping[str, float], artifact: Path) -> None:
        self._try(lambda: self.tracked.finish(metrics, artifact), "it may lack the final metrics and the artifact")

    def _try(self, act: Callable[[], None], consequence: str | None) -> None:
        """Calls `act`. consequence: what the warning says after the error; None: no warning, the user was warned already."""
        try:
            act()
        except Exception as error:  # an unreachable server must not stop a training
            self.failed = True
            if consequence:
                self.say(f"warning: tracker {self.name} failed: {_first_line(error)}; {consequence}")


@contextmanager
def tracked(run: Run) -> Iterator[tuple[Guarded, ...]]:
    """Opens the trackers, logs the recipe to each, and finalizes them as "failed" if the block fails.

    A run that does not train has no trackers, because its training was tracked before. Raises FrameworkError if a tracker does
    not start.
    """
    trackers: list[Guarded] = []
    try:
        for name in map(str, run.config.tracker if run.trains else ()):
            trackers.append(_open_tracker(run, name))
        yield tuple(trackers)
    except BaseException:
        for tracker in trackers:
            tracker.finalize("failed")
        raise


def _open_tracker(run: Run, name: str) -> Guarded:
    tracker = load_plugins().tracker(name)
    run.console.say(f"tracker {name}: starting")
    try:
        options = options_of(run.config.tracker[name], tracker.options)
        guarded = Guarded(name, resolve(tracker.open)(options, run.recipe, run.folder.path), run.console.say)
        guarded.begin(_hyperparameters(run.config))
    except FrameworkError:
        raise
    except Exception as error:  # any error of the library: a wrong address, the network, an account
        reason = f"tracker {name} cannot start: {explain(error, run.folder.path) or _first_line(error)}"
        raise FrameworkError(f"{reason}\nnothing was trained; tracker=none runs without one") from error
    return guarded


def finish_trackers(trackers: Sequence[Guarded], judgement: Judgement, report: ExportReport, artifact: Path) -> None:
    """Gives each tracker the final metrics and the sealed artifact."""
    metrics = final_metrics(judgement, report)
    for tracker in trackers:
        tracker.finish(metrics, artifact)


def final_metrics(judgement: Judgement, report: ExportReport) -> dict[str, float]:
    """By name: ``test/METRIC`` of the shipped file, ``test/BASELINE/METRIC``, and ``files/VARIANT/...``, the size, speed and
    metrics on validation of each variant and of the trained module.
    """
    metrics = {f"test/{name}": value for name, value in judgement.model.metrics.items()}
    for baseline, numbers in judgement.baselines.items():
        metrics |= {f"test/{baseline}/{name}": value for name, value in numbers.metrics.items()}
    measurements = {"trained_module": report.reference}
    measurements |= {_slug(variant.name): variant.measurement for variant in report.variants}
    for name, measured in measurements.items():
        facts = {"bytes": measured.bytes, "milliseconds": measured.milliseconds, "per_second": measured.per_second}
        facts |= {f"validation/{metric}": value for metric, value in measured.metrics.items()}
        metrics |= {f"files/{name}/{fact}": float(value) for fact, value in facts.items()}
    return metrics


def _hyperparameters(config: DictConfig) -> dict[str, Any]:
    """The composed recipe as plain data, without keys whose value is None."""
    plain = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in _without_none(plain).items()}


def _without_none(section: Mapping[Any, Any]) -> dict[Any, Any]:
    filled = {key: _without_none(value) if isinstance(value, Mapping) else value for key, value in section.items()}
    return {key: value for key, value in filled.items() if value is not None}


def _slug(name: str) -> str:
    """A metric name that every tracker accepts: ``int8 block 32`` -> ``int8_block_32``."""
    return re.sub(r"[^\w.-]+", "_", name.lower()).strip("_")


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
