"""One run's recipe with its sections typed, its console, and its unfinished artifact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from framework.artifact.draft import Draft
from framework.contracts.candidate import Candidate, FitContext, Fitted, NoOptions
from framework.contracts.cells import TEXTUAL
from framework.contracts.codec import Codec
from framework.contracts.exporter import Exporter
from framework.contracts.graph import Request
from framework.contracts.privacy import disclosure_of, mask_cell
from framework.contracts.table import Splits, Table
from framework.contracts.task import Task, TaskData
from framework.data.loading import explained
from framework.errors import InputError
from framework.export.writing import in_order
from framework.machine.disk import shown, write_whole, writing
from framework.plugins import load_plugins, resolve
from framework.recipe.validation import check_recipe, options_of
from framework.report.console import Console
from framework.run.folder import CONFIG, RunState, check_free, locked
from framework.run.readiness import trainer_arguments
from framework.runtime.tables import Tables
from framework.training.records import CHECKPOINTS, TRAINED


@dataclass(frozen=True)
class Job:
    """What every step of a run needs. `trackers` are those that have begun."""

    config: DictConfig
    state: RunState
    folder: Path
    console: Console
    task: Task
    options: Any
    exporters: list[Exporter]
    draft: Draft
    again: bool  # the run was begun by another process
    trains: bool  # or only files are made
    trackers: list[Any] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls, config: DictConfig, recipe: str, folder: Path) -> Iterator[Job]:
        """Checks the recipe and makes the run's folder. Whatever ends the run, no half artifact stays."""
        check_recipe(config)
        check_free(folder)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with writing(folder), locked(folder):
            check_free(folder)  # no one was faster
            state = RunState(recipe, str(Path.cwd()))
            state.note(folder)
            write_whole(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
            with cls._at_work(config, folder, state, again=False, trains=True) as job:
                yield job

    @classmethod
    @contextmanager
    def enter(cls, config: DictConfig, folder: Path, *, trains: bool) -> Iterator[Job]:
        """A run that was begun, to go on with. Without `trains` its training must have ended, and only files are made."""
        with writing(folder), locked(folder):
            state = RunState.read(folder)
            _check_entered(config, folder, state, trains)
            with cls._at_work(config, folder, state, again=True, trains=trains) as job:
                yield job

    @classmethod
    @contextmanager
    def _at_work(cls, config: DictConfig, folder: Path, state: RunState, *, again: bool, trains: bool) -> Iterator[Job]:
        plugins = load_plugins()
        console = Console(folder, disclosure_of(config))
        task = plugins.task(config.task.name)
        exporters = in_order([plugins.exporter(str(name)) for name in config.export])
        draft = Draft(folder / "artifact")
        how = "" if not again else ", resumed" if trains else ", files made again"
        console.say(f"recipe {state.recipe}: {task.name}, seed {config.seed}, in {shown(folder)}{how}")
        options = options_of(config.task, task.options)
        job = cls(config, state, folder, console, task, options, exporters, draft, again, trains)
        try:
            yield job
        except BaseException as error:
            for tracker in job.trackers:
                tracker.finalize("failed")
            with suppress(OSError):  # a full disk has no room for these lines either
                console.log(f"\n{type(error).__name__}: {error}")
            with suppress(OSError):
                console.say(_ended_early(folder, state, stopped=isinstance(error, KeyboardInterrupt)))
            raise
        finally:
            draft.discard()

    @property
    def recipe(self) -> str:
        return self.state.recipe

    @contextmanager
    def progress(self, what: str, rows: int) -> Iterator[Callable[[], object]]:
        """A bar on the terminal, where that takes a while; what it yields is called for each row that is done."""
        hidden = True if self.config.trainer.enable_progress_bar is False else None  # None: where no one looks
        with tqdm(total=rows, desc=what, unit=" rows", delay=1, leave=False, disable=hidden) as bar:
            yield bar.update

    def check_data(self, splits: Splits) -> None:
        """Raises InputError when a run that is entered again would see other rows than it began with."""
        found = splits.about["sha256"]
        assert isinstance(found, dict)
        self.state.check_data(self.folder, found)

    def checkpoint(self) -> Path | None:
        """Where the model goes on from: nowhere in a new run, and where its fit leaves no checkpoints."""
        if not self.again:
            return None
        from framework.training.checkpoints import find

        max_steps = self.config.trainer.max_steps not in (None, -1)
        return find(self.folder, self.console.say, trains=self.trains, weights=self.state.weights, max_steps=max_steps)

    def note_fitted(self) -> None:
        """From here on files can be made again without training."""
        self.state.note(self.folder, fitted=True, weights=(self.folder / CHECKPOINTS / TRAINED).is_file())

    def understand(self, splits: Splits) -> TaskData:
        """The splits as the task sees them. Raises InputError when they do not fit it."""
        with explained(splits.notes):
            data: TaskData = resolve(self.task.data)(splits, self.options)
        return data

    def context(self, candidate: Candidate, splits: Splits) -> FitContext:
        """What a candidate is fitted with: the test rows are not in it."""
        unseen = replace(splits, test=Table({name: [] for name in splits.test.columns}), whole=None)
        model = NoOptions() if candidate.options is NoOptions else options_of(self.config.model, candidate.options)
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
        return trainer_arguments(self.config.trainer)

    def codec(self, fitted: Fitted) -> Codec:
        """The codec of a fitted candidate, on the resources it writes into the unfinished artifact."""
        if fitted.write_resources is not None and not any(self.draft.resources.iterdir()):
            fitted.write_resources(self.draft.resources)
            Tables(fitted.tables).save(self.draft.resources)
        codec: Codec = resolve(self.task.codec)(fitted.settings, self.draft.resources)
        return codec

    def requests(self, codec: Codec, table: Table) -> list[Request]:
        """The rows of a table as the codec parses them, which is how a served request arrives; drawn answers are repeatable."""
        steady = codec.interface().steady
        return [{**steady, **codec.parse(request)} for request in self.task.requests(table)]

    def without_personal_data(self, request: Request) -> Request:
        """A request that may be stored: its texts masked, unless the recipe keeps them as they are."""
        texts = {column.role for column in self.task.canonical if column.kind in TEXTUAL}
        masks = not self.console.disclosure.keep
        return {role: mask_cell(value) if masks and role in texts else value for role, value in request.items()}

    def odd_requests(self) -> list[Request]:
        """Requests at the edges; any codec of this task lists the same."""
        odd: list[Request] = resolve(self.task.codec).odd_requests()
        return odd

    def export_options(self, exporter: Exporter) -> Any:
        return options_of(self.config.export[exporter.name], exporter.options)

    def example(self, fitted: Fitted) -> str:
        """The codec's own example of a request, as `predict` takes it."""
        return as_argument(self.codec(fitted).interface().example)


def as_argument(request: Any) -> str:
    """A request as one argument of `predict`: its text when that is all it has, otherwise JSON."""
    values = list(request.values()) if isinstance(request, dict) else [request]
    if len(values) == 1 and isinstance(values[0], str) and not values[0].lstrip().startswith("{"):
        return values[0]
    return json.dumps(request, ensure_ascii=False)


def _check_entered(config: DictConfig, folder: Path, state: RunState, trains: bool) -> None:
    try:
        check_recipe(config)
    except InputError as error:
        there = "" if state.started_in == str(Path.cwd()) else f"the run was started in {state.started_in}: go there first"
        raise InputError(*error.problems, *filter(None, [there])) from error
    run = shown(folder)
    if not trains and not state.fitted:
        raise InputError(f"the training of {run} has not ended: python -m framework resume {run}")
    if not trains and (config.trainer.fast_dev_run or config.trainer.enable_checkpointing is False):
        raise InputError(f"{run} kept no weights (trainer.fast_dev_run or trainer.enable_checkpointing=false): run it again")


def _ended_early(folder: Path, state: RunState, *, stopped: bool) -> str:
    """What there is, and which command goes on from it."""
    run = shown(folder)
    if state.finished:
        return f"\nended early: the artifact in {run} is as it was"
    lines = [f"\nthe run ended early: no artifact; what there is stays in {run}"]
    if stopped:
        lines.append(f"python -m framework resume {run} goes on with it")
    elif state.fitted:
        lines.append(f"its training is kept: python -m framework export {run} KEY=VALUE makes its files with other settings")
    return "\n".join(lines)
