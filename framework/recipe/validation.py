"""Checks a composed recipe without importing torch, and reports all of its problems at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig, OmegaConf

from framework.contracts.evaluation import Metric
from framework.contracts.exporter import Exporter
from framework.data.joined import wrong_columns
from framework.data.sources import NotInstalledError, check_addresses
from framework.errors import InputError, nearest
from framework.plugins import AnyCandidate, AnyTask, load_plugins, resolve
from framework.recipe.candidates import competing, options_for

UNITS = {"s": 1, "m": 60, "h": 3600}  # seconds


def options_of(section: Any, options: type) -> Any:
    """A composed section as an instance of the dataclass `options` that a plugin declared for it."""
    values = OmegaConf.to_container(section, resolve=True)
    assert isinstance(values, dict)
    names = {option.name for option in fields(options)}
    return options(**{str(key): value for key, value in values.items() if key in names})


def metric_of(config: DictConfig, task: AnyTask, options: Any) -> Metric:
    """The metric that candidates are judged by. Raises InputError for a name that is no metric of the task."""
    if config.metric is None:
        return task.metric(options)
    metrics = {metric.name: metric for metric in task.metrics}
    if config.metric not in metrics:
        raise InputError(f"metric={config.metric}: {task.name} is judged by another; {nearest(config.metric, metrics)}")
    return metrics[config.metric]


def seconds_of(budget: str | None) -> float | None:
    """The seconds of ``90s``, ``10m`` or ``1h``; None for None. Raises InputError for anything else, also a bare number."""
    if budget is None:
        return None
    number, unit = budget.strip()[:-1].strip(), budget.strip()[-1:]
    if re.fullmatch(r"\d+", budget.strip()) and int(budget):
        raise InputError(f"budget={budget}: {budget} of what? Write budget={budget}s, budget={budget}m or budget={budget}h")
    seconds = float(number) * UNITS[unit] if re.fullmatch(r"\d+(\.\d+)?", number) and unit in UNITS else 0.0
    if not seconds > 0:
        raise InputError(f"budget={budget} is the time that the whole run may take: write 90s, 10m or 1h")
    return seconds


def check_recipe(config: DictConfig) -> None:
    """Raises InputError with all problems of a composed recipe; those of metric, budget and candidates only where there are no
    others. Raises NotInstalledError where the distribution of a package:// address is not installed.
    """
    plugins = load_plugins()
    missing = [str(key) for key in OmegaConf.missing_keys(config)]
    problems = [f"{key} has no value; write {key}=VALUE" for key in sorted(missing)]
    if not config.get("task"):
        raise InputError(
            f"the recipe names no task; write '- override /task: NAME' in its defaults, {nearest('', plugins.tasks)}"
        )
    if not config.get("export"):
        problems.append(f"the recipe exports nothing; write export=[NAME, ...], {nearest('', plugins.exporters)}")
    task = plugins.task(config.task.name)
    problems += [*_wrong_ranges(config), *_wrong_choice(config), *_trains_nothing(config.trainer)]
    problems += _wrong_data(config.data, [table.name for table in task.tables])
    for column in task.every_column:
        problems += filter(None, [wrong_columns(f"data.{column.role}", config.data[column.role])])
    exporters = [plugins.exporter(str(name)) for name in config.get("export") or {}]
    problems += list(_wrong_exporters(exporters))
    problems += _wrong_trackers(config.tracker)
    registered = plugins.candidates_of(task.name)
    candidates = [registered[name] for name in competing(config)]
    if any(candidate.stateful for candidate in candidates):
        problems += _wrong_for_state(exporters, plugins.exporters.values())
    for exporter in exporters:
        if exporter.check:
            problems += resolve(exporter.check)(options_of(config.export[exporter.name], exporter.options))
    problems += [] if problems else _wrong_candidates(config, task, candidates)
    if problems:
        raise InputError(*dict.fromkeys(problems))


def _wrong_candidates(config: DictConfig, task: AnyTask, candidates: Iterable[AnyCandidate]) -> Iterator[str]:
    options = options_of(config.task, task.options)
    for check in (lambda: metric_of(config, task, options), lambda: seconds_of(config.budget)):
        try:
            check()
        except InputError as error:
            yield from error.problems
    for candidate in candidates:
        yield from candidate.problems(options, options_for(config, candidate))


def _wrong_ranges(config: DictConfig) -> Iterator[str]:
    data = config.data
    if not 0 <= config.seed < 2**32:
        yield f"seed={config.seed} must lie between 0 and {2**32 - 1}"
    if data.limit_rows is not None and data.limit_rows < 1:
        yield f"data.limit_rows={data.limit_rows} must be at least 1, or null for all rows"
    if data.test_rows is not None and data.test_rows < 1:
        yield f"data.test_rows={data.test_rows} must be at least 1, or null for all rows"
    if data.held_out_rows is not None and data.held_out_rows < 1:
        yield f"data.held_out_rows={data.held_out_rows} must be at least 1, or null for no limit"
    if not (data.validation_fraction > 0 and data.test_fraction > 0 and data.validation_fraction + data.test_fraction < 1):
        yield (
            f"data.validation_fraction={data.validation_fraction} and data.test_fraction={data.test_fraction} "
            "must be above 0 and together below 1"
        )
    price = config.report.hourly_price
    if price is not None and not 0 <= price < float("inf"):
        yield f"report.hourly_price={price} is what an hour of this machine costs: a number from 0, such as 0.10, or null"
    trials, lineage = config.search.trials, config.search.lineage
    if trials is not None and trials < 0:
        yield f"search.trials={trials} is a number of further fits: write 0 for none, or null for as many as the budget allows"
    if not all(isinstance(settings, DictConfig) for settings in lineage):
        yield "search.lineage is what winner.yaml has, a list of settings by key: python -m framework replay RUN uses it"
    if config.artifact.golden_rows < 1:
        yield f"artifact.golden_rows={config.artifact.golden_rows} must be at least 1"


def _wrong_choice(config: DictConfig) -> Iterator[str]:
    tolerance = config.select.tolerance
    if not 0 <= tolerance <= 1:
        yield f"select.tolerance={tolerance} is what a cheaper candidate may lose of the metric: from 0 to 1, such as 0.01"
    for name, what in (("latency_ms", "milliseconds of one request, such as 5"), ("size_mb", "megabytes, such as 20")):
        target = config.target[name]
        if target is not None and not 0 < target < float("inf"):
            yield f"target.{name}={target} is the most that the shipped file may take: {what}, above 0, or null for no target"


def _trains_nothing(trainer: DictConfig) -> Iterator[str]:
    for name, no_limit in (("max_epochs", "null for what the recipe plans"), ("max_steps", "-1 for no limit")):
        value = trainer[name]
        if value is not None and (value == 0 or value < -1):
            yield f"trainer.{name}={value} trains nothing: write 1 or more, or {no_limit}"
    share = trainer.limit_train_batches
    if share is not None and not share > 0:
        yield f"trainer.limit_train_batches={share} trains nothing: write a share such as 0.5, or null for all"


def _wrong_data(data: DictConfig, further: Iterable[str]) -> Iterator[str]:
    """Problems of the files. `data.train` replaces `data.source` as a whole, so without `data.train` no other key of a
    `DataSource` can be set in the `data:` section. further: names of the task's side tables. Raises NotInstalledError.
    """
    if not data.train and not data.source.train:
        yield "no data: write data.train=FILE.csv, or choose a data set with data=NAME"
    source = data if data.train else data.source
    files = {name: source[name] for name in ("train", "validation", "test", *further)} | {"exclude": data.exclude}
    for name, address in files.items():
        try:
            if address is not None:
                check_addresses(address)
        except NotInstalledError as error:
            way = f"{source.install}; or take rows of your own, data.train=FILE" if source.install else None
            raise NotInstalledError(error.address, error.name, way) from error
        except InputError as error:
            yield f"data.{name}: {error}"
    for name in data.source if not data.train else ():
        if data[name] is not None:
            value = data[name] if isinstance(data[name], str | int) else f"[{','.join(map(str, data[name]))}]"
            yield f"data.{name}={value} goes with data.train=FILE; without it the recipe's own data is used as it is"


def _wrong_exporters(exporters: list[Exporter]) -> Iterator[str]:
    names = [exporter.name for exporter in exporters]
    for exporter in exporters:
        if exporter.base is not None and exporter.base not in names:
            yield f"export={exporter.name} starts from {exporter.base}: write export=[{','.join([exporter.base, *names])}]"
    if exporters and not any(exporter.exact and exporter.format == "onnx" for exporter in exporters):
        yield f"nothing in export=[{','.join(names)}] runs without torch: write export=[{','.join(['onnx', *names])}]"


def _wrong_for_state(exporters: list[Exporter], available: Iterable[Exporter]) -> Iterator[str]:
    """Problems of exporters that calibrate, if a graph has state: a request then has too many calls to record.

    exporters: the recipe's. available: all that are registered, for advice.
    """
    wrong = [exporter.name for exporter in exporters if not exporter.exact and exporter.calibrates]
    if not wrong:
        return
    good = [exporter.name for exporter in exporters if exporter.name not in wrong]
    good += [e.name for e in available if not e.exact and not e.calibrates and e.base in good and e.name not in good]
    for name in wrong:
        yield f"export={name} measures activations, which a model with a cache does not allow: write export=[{','.join(good)}]"


def _wrong_trackers(section: DictConfig) -> Iterator[str]:
    for name in section:
        tracker = load_plugins().tracker(str(name))
        if tracker.check:
            yield from resolve(tracker.check)(options_of(section[name], tracker.options))
