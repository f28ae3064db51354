"""One run's recipe with its sections typed, its console, and its unfinished artifact."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from framework.artifact import Draft
from framework.checks import check_recipe, options_of
from framework.console import Console
from framework.contracts import Candidate, Exporter, FitContext, Fitted, NoOptions, Task, TaskData
from framework.data.table import Splits, Table
from framework.disk import writing
from framework.errors import InputError
from framework.export import in_order
from framework.graphs import Codec, Request
from framework.plugins import load_plugins, resolve


@dataclass(frozen=True)
class Job:
    """What every step of a run needs. `trackers` are those that have begun."""

    config: DictConfig
    recipe: str
    folder: Path
    console: Console
    task: Task
    options: Any
    exporters: list[Exporter]
    draft: Draft
    trackers: list[Any] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls, config: DictConfig, recipe: str, folder: Path) -> Iterator[Job]:
        """Checks the recipe and makes the run's folder. Whatever ends the run, no half artifact stays."""
        check_recipe(config)
        latest = folder.parent / "latest"
        if folder.name == "latest" or (latest.exists() and not latest.is_symlink()):
            raise InputError(f"{latest} is where the link to the last run goes; name the run's folder something else")
        plugins = load_plugins()
        task = plugins.task(config.task.name)
        exporters = in_order([plugins.exporter(str(name)) for name in config.export])
        with writing(folder):
            _claim(folder, config)
            console = Console(folder)
            draft = Draft(folder / "artifact")
            console.say(f"recipe {recipe}: {task.name}, seed {config.seed}, in {folder}")
        job = cls(config, recipe, folder, console, task, options_of(config.task, task.options), exporters, draft)
        try:
            with writing(folder):
                yield job
        except BaseException as error:
            for tracker in job.trackers:
                tracker.finalize("failed")
            with suppress(OSError):  # a full disk has no room for these lines either
                console.log(f"\n{type(error).__name__}: {error}")
            with suppress(OSError):
                artifact = "the artifact is whole" if draft.final.exists() else "no artifact"
                console.say(f"\nthe run ended early: {artifact}; what there is stays in {folder}")
            raise
        finally:
            draft.discard()

    def understand(self, splits: Splits) -> TaskData:
        """The splits as the task sees them. Raises InputError when they do not fit it."""
        data: TaskData = resolve(self.task.data)(splits, self.options)
        return data

    def context(self, candidate: Candidate, splits: Splits) -> FitContext:
        """What a candidate is fitted with: the test rows are not in it."""
        unseen = Splits(splits.train, splits.validation, Table({name: [] for name in splits.test.columns}))
        model = NoOptions() if candidate.baseline else options_of(self.config.model, candidate.options)
        return FitContext(
            data=self.understand(unseen),
            options=self.options,
            model=model,
            trainer={} if candidate.baseline else self.trainer(),
            metric=self.task.metric,
            seed=self.config.seed,
            folder=self.folder,
            show=self.console.show,
            trackers=tuple(self.trackers),
        )

    def trainer(self) -> dict[str, Any]:
        """Trainer arguments; objects that the recipe describes with ``_target_`` are built."""
        from hydra.errors import InstantiationException
        from hydra.utils import instantiate

        try:
            arguments = instantiate(self.config.trainer, _convert_="all")
        except InstantiationException as error:
            raise InputError(f"trainer: {error}") from error
        return {str(name): value for name, value in arguments.items()}

    def codec(self, fitted: Fitted) -> Codec:
        """The codec of a fitted candidate, on the resources it writes into the unfinished artifact."""
        if fitted.write_resources is not None and not any(self.draft.resources.iterdir()):
            fitted.write_resources(self.draft.resources)
        codec: Codec = resolve(self.task.codec)(fitted.settings, self.draft.resources)
        return codec

    def requests(self, codec: Codec, table: Table) -> list[Request]:
        """The rows of a table as the codec parses them, which is how a served request arrives."""
        return [codec.parse(request) for request in self.task.requests(table)]

    def odd_requests(self) -> list[Request]:
        """Requests at the edges; any codec of this task lists the same."""
        odd: list[Request] = resolve(self.task.codec).odd_requests()
        return odd

    def export_options(self, exporter: Exporter) -> Any:
        return options_of(self.config.export[exporter.name], exporter.options)

    def example(self, splits: Splits) -> str:
        """A short validation request to try the artifact with, as `predict` takes it, safe within single quotes."""
        written = [as_argument(request) for request in self.task.requests(splits.validation)[:200]]
        plain = [text for text in written if text.isascii() and text.isprintable() and "'" not in text and text[:1] not in "-@"]
        calm = [text for text in plain if not re.search(r"[A-Z]{3}|\.\.|#|://", text)]
        return min(calm or plain, key=lambda text: abs(len(text) - 40), default="...")


def _claim(folder: Path, config: DictConfig) -> None:
    """Makes the run's folder and writes the recipe into it. Raises InputError when it holds a run."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(OmegaConf.to_yaml(config, resolve=True))
    except FileExistsError as error:
        raise InputError(f"{folder} holds a run already; nothing was overwritten") from error
    except OSError:
        file.unlink(missing_ok=True)  # no run has begun
        raise


def as_argument(request: Request) -> str:
    """A request on a command line: its text when that is all it has, otherwise JSON."""
    values = list(request.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else json.dumps(dict(request))
