"""The context of a run, new or reopened: its recipe, folder, console, task, candidates and budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from framework.contracts.candidate import Budget
from framework.contracts.data.cells import TEXTUAL
from framework.contracts.evaluation import Metric
from framework.contracts.graph import Request
from framework.errors import FrameworkError, InputError
from framework.export.measurement import Answered
from framework.machine.disk import shown, write_whole, writing
from framework.machine.interrupts import Stopping
from framework.plugins import AnyCandidate, AnyTask, load_plugins
from framework.recipe.candidates import competing, options_for
from framework.recipe.validation import check_recipe, metric_of, options_of, seconds_of
from framework.report.console import Console
from framework.report.privacy import disclosure_of, mask_cell
from framework.run.folder import CONFIG, RunFolder, RunState, check_free, locked


@dataclass(frozen=True)
class Run:
    """What every stage of a run reads. A stage writes its results into the folder."""

    config: DictConfig
    state: RunState
    folder: RunFolder
    console: Console
    task: AnyTask
    options: Any
    """Options of the task."""
    metric: Metric
    candidates: Mapping[str, AnyCandidate]
    """The competing candidates, in the recipe's order, then the baselines that do not compete."""
    budget: Budget
    stopping: Stopping
    again: bool
    """Whether another process began the run."""
    trains: bool
    """Whether candidates may be fitted; otherwise the run only exports fitted candidates again."""
    answered: dict[str, Answered] = field(default_factory=dict)
    """What candidates answered to validation rows when they were compared in this process, by name."""

    @property
    def recipe(self) -> str:
        return self.state.recipe

    @property
    def competing(self) -> list[str]:
        """Names of the competing candidates, in the recipe's order."""
        return competing(self.config)

    def options_of(self, candidate: AnyCandidate) -> Any:
        """The candidate's options in this recipe, an instance of `Candidate.options`."""
        return options_for(self.config, candidate)

    @contextmanager
    def progress(self, title: str, rows: int) -> Iterator[Callable[[], object]]:
        """Shows a progress bar after one second; yields a function to call after each row."""
        hidden = self.config.trainer.enable_progress_bar is False or None  # None: hidden without a terminal
        with tqdm(total=rows, desc=title, unit=" rows", delay=1, leave=False, disable=hidden) as bar:
            yield bar.update

    def live(self, title: str) -> AbstractContextManager[Callable[[str], None]]:
        """See `Console.live`."""
        return self.console.live(title, self.budget, hidden=self.config.trainer.enable_progress_bar is False)

    def storable(self, request: Request) -> Request:
        """The request with personal data in its texts masked, unless the recipe keeps personal data."""
        texts = {column.role for column in self.task.canonical if column.kind in TEXTUAL}
        masks = not self.console.disclosure.keep
        return {role: mask_cell(value) if masks and role in texts else value for role, value in request.items()}


@contextmanager
def begin_run(config: DictConfig, recipe: str, folder: Path) -> Iterator[Run]:
    """A new run. Checks the recipe, makes the run's folder and locks it.

    recipe: its name. Raises InputError for a wrong recipe and for a folder that a new run cannot use, FrameworkError where
    another process holds the lock or the disk refuses a write.
    """
    check_recipe(config)
    check_free(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with writing(folder), locked(folder):
        check_free(folder)  # again, because another process may have begun a run before the lock
        state = RunState(recipe, str(Path.cwd())).note(folder)
        write_whole(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True))
        with _open_run(config, folder, state, again=False, trains=True) as run:
            yield run


@contextmanager
def reopen_run(config: DictConfig, folder: Path, *, trains: bool) -> Iterator[Run]:
    """A run that another process began. Checks the recipe and locks the run's folder.

    trains: see `Run.trains`. Raises InputError for a wrong recipe and for a state.json that is missing or of another version,
    FrameworkError as `begin_run` does.
    """
    with writing(folder), locked(folder):
        state = RunState.read(folder)
        try:
            check_recipe(config)
        except InputError as error:
            elsewhere = state.started_in != str(Path.cwd())
            hints = [f"the run was started in {state.started_in}: go there first"] if elsewhere else []
            raise InputError(*error.problems, *hints) from error
        with _open_run(config, folder, state, again=True, trains=trains) as run:
            yield run


@contextmanager
def _open_run(config: DictConfig, folder: Path, state: RunState, *, again: bool, trains: bool) -> Iterator[Run]:
    """The run. Where the block fails, logs the error, notes the seconds that the run has used, and raises the error again."""
    plugins = load_plugins()
    console = Console(folder, disclosure_of(config))
    task = plugins.task(config.task.name)
    options = options_of(config.task, task.options)
    budget = Budget(seconds_of(config.budget) if trains else None, spent=state.seconds)
    registered = plugins.candidates_of(task.name)
    names = [*competing(config), *(name for name, candidate in registered.items() if candidate.role == "baseline")]
    candidates = {name: registered[name] for name in dict.fromkeys(names)}
    how = "" if not again else ", resumed" if trains else ", files made again"
    console.say(f"recipe {state.recipe}: {task.name}, seed {config.seed}, in {shown(folder)}{how}")
    metric = metric_of(config, task, options)
    stopping = Stopping(budget.stop, console.say, folder)
    run = Run(config, state, RunFolder(folder), console, task, options, metric, candidates, budget, stopping, again, trains)
    try:
        with stopping.listening() if trains else nullcontext():
            yield run
    except KeyboardInterrupt:
        interrupted = _interrupted(run)
        with suppress(OSError):
            console.log(f"\ninterrupted: {interrupted}")
            state.note(folder, seconds=budget.elapsed())
        raise KeyboardInterrupt(interrupted) from None
    except BaseException as error:
        with suppress(OSError):  # a full disk has no room for these lines either
            console.log(f"\n{type(error).__name__}: {error}")
        with suppress(OSError):
            console.say(_ended_early(run, mendable=isinstance(error, FrameworkError) and not isinstance(error, InputError)))
            state.note(folder, seconds=budget.elapsed())
        raise


def _ended_early(run: Run, *, mendable: bool) -> str:
    """What exists of a run that failed, and the command that continues it, for the console. mendable: the machine failed, such
    as by a full disk, and not the recipe.
    """
    folder = shown(run.folder.path)
    if run.state.finished:
        return f"\nended early: the artifact in {folder} is as it was"
    lines = [f"\nthe run ended early: no artifact; what there is stays in {folder}"]
    if run.trains and mendable:
        lines.append(f"once that is mended: python -m framework resume {folder} goes on with it")
    elif all((run.folder.trial(name) / "fitted").is_dir() for name in run.competing):
        lines.append(f"its training is kept: python -m framework export {folder} KEY=VALUE makes its files with other settings")
    return "\n".join(lines)


def _interrupted(run: Run) -> str:
    """What exists of a run that the user ended, and the command that continues it."""
    folder = shown(run.folder.path)
    if run.state.finished:
        return f"the artifact in {folder} is as it was"
    trials = {name: run.folder.trial(name) for name in run.candidates}
    fitted = [name for name, trial in trials.items() if (trial / "fitted").is_dir()]
    begun = [name for name, trial in trials.items() if name not in fitted and any(trial.glob("checkpoints/*.ckpt"))]
    parts = ["the rows"] * run.folder.data.is_dir()
    parts += [f"the fits of {', '.join(fitted)}"] * bool(fitted) + [f"the checkpoints of {', '.join(begun)}"] * bool(begun)
    kept = f"{folder} keeps {' and '.join(parts) or 'the recipe'}"
    return f"there is no artifact; {kept}. To go on: python -m framework resume {folder}"
