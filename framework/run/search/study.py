"""Proposes settings with Optuna, and says when a trial falls behind. The study is a database beside the search's record."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from framework.contracts.space import Choice, Dimension
from framework.errors import FrameworkError
from framework.machine.disk import explain, shown
from framework.run.search.record import RECORD, STUDY, SearchTrial

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

LOCK_SECONDS = 5.0  # waited for another process that writes the database
COMPARED = 2  # trials that must have ended before one is stopped early
SPARED = 3  # tenths of a training that are never stopped
NUMBER = "number"  # attribute of Optuna's trials: `SearchTrial.number`
Validations = Sequence[tuple[float, float]]  # (share of the training that is done, 0 to 1, and the metric), in order
T = TypeVar("T")


@dataclass(frozen=True)
class Ended:
    """What the study learns of a trial that has ended."""

    trial: SearchTrial
    values: Mapping[str, Any]
    """By key of the space, the values that its settings amount to, those of the recipe included."""
    validations: Validations = ()


class Study:
    """The study of one kind of trial.

    Every method raises FrameworkError where another process holds the database. A database that is gone, damaged or of another
    version is made again from the trials that have ended, and `say` says so.
    """

    def __init__(self, folder: Path, name: str, space: Mapping[str, Dimension], maximize: bool, say: Callable[[str], None]):
        """folder: of the candidate's trials. name: of the study. space: by key. maximize: whether larger metrics are better."""
        self.path, self.name, self.maximize, self.say = folder / STUDY, name, maximize, say
        self.distributions = {key: _distribution(dimension) for key, dimension in space.items()}
        self._study: optuna.Study | None = None
        self._running: optuna.Trial | None = None
        self._reported: set[int] = set()  # tenths of the running trial's training

    def propose(
        self, ended: Sequence[Ended], number: int, base: Mapping[str, Any], varied: Sequence[str], seed: int
    ) -> dict[str, Any]:
        """Draws the keys `varied` by TPE (Bergstra et al. 2011), the other keys being as in `base`, and begins the trial.

        ended: the trials so far. number: of the new trial.
        """

        def ask(study: optuna.Study) -> dict[str, Any]:
            import optuna

            fixed = {key: value for key, value in self._valid(base).items() if key not in varied}
            with warnings.catch_warnings():  # Optuna calls the fixing of parameters experimental since 2.4
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.sampler = optuna.samplers.PartialFixedSampler(fixed, optuna.samplers.TPESampler(seed=seed))
            trial = study.ask({key: self.distributions[key] for key in (*fixed, *varied)})
            trial.set_user_attr(NUMBER, number)
            self._running, self._reported = trial, set()
            return {key: trial.params[key] for key in varied}

        return self._tried(ended, ask)

    def cancel(self) -> None:
        """Ends the running trial without a result: it is not fitted."""
        if self._study is not None and self._running is not None:
            running, self._running = self._running, None
            study = self._study
            with suppress(_LostError):  # the next proposal makes the study again
                self._explained(lambda: _fail(study, running.number))

    def falls_behind(self, ended: Sequence[Ended], validations: Validations) -> bool:
        """Whether the running trial is worse than the median of the earlier ones at the same share of their training."""
        if not validations or self._running is None:
            return False
        running, tenths = self._running, _by_tenth(validations)

        def report(study: optuna.Study) -> bool:
            for tenth in sorted(tenths.keys() - self._reported):
                running.report(tenths[tenth], tenth)
            self._reported |= tenths.keys()
            return bool(running.should_prune())

        return self._tried(ended, report)

    def tell(self, ended: Sequence[Ended]) -> None:
        """Ends the running trial, which is the last of `ended`."""
        running, last = self._running, ended[-1].trial
        if running is not None:
            self._tried(ended[:-1], lambda study: study.tell(running, last.score, _state(last)))
            self._running = None

    def _tried(self, ended: Sequence[Ended], act: Callable[[optuna.Study], T]) -> T:
        try:
            if self._study is not None and not self.path.is_file():
                raise _LostError("is gone")
            return self._explained(lambda: act(self._opened(ended)))
        except _LostError as lost:
            self.say(f"{shown(self.path)} {lost}: it is made again from {RECORD}, and no trial is lost")
            self._study = None
            for file in self.path.parent.glob(f"{STUDY}*"):
                file.unlink()
            return self._again(ended, act)

    def _again(self, ended: Sequence[Ended], act: Callable[[optuna.Study], T]) -> T:
        """`act` on a new database. A running trial is no longer known to it, and cannot be stopped early."""
        if self._running is not None:
            self._explained(lambda: self._opened(ended))
            self._running = None
            return False  # type: ignore[return-value]
        return self._explained(lambda: act(self._opened(ended)))

    def _explained(self, act: Callable[[], T]) -> T:
        """Runs `act`. Raises FrameworkError where the database is locked or the disk refuses, _LostError where it is lost."""
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return act()
        except (OptunaError, SQLAlchemyError, RuntimeError, KeyError) as error:
            texts = f"{error} {error.__cause__ or ''}"
            if "database is locked" in texts:
                reason = f"{shown(self.path)} is locked by another process, such as a viewer of the study; end it"
                raise FrameworkError(f"{reason}, and resume the run: nothing that was fitted is lost") from error
            refused = explain(error.__cause__ or error, self.path)
            if refused:
                raise FrameworkError(refused) from error
            raise _LostError(f"cannot be used ({next(iter(str(error).splitlines()), type(error).__name__)})") from error

    def _opened(self, ended: Sequence[Ended]) -> optuna.Study:
        """The study with all trials that have ended. Trials that no process runs any more have failed."""
        if self._study is None:
            self._study = self._open()
        study, running = self._study, self._running
        trials = study.get_trials(deepcopy=False)
        for trial in trials:
            if not trial.state.is_finished() and (running is None or trial.number != running.number):
                _fail(study, trial.number)
        present = {trial.user_attrs.get(NUMBER) for trial in trials if trial.state.is_finished()}
        for one in ended:
            if one.trial.number not in present:
                study.add_trial(self._frozen(one))
        return study

    def _open(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.path}", engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}}
        )
        return optuna.create_study(
            storage=storage,
            study_name=self.name,
            direction="maximize" if self.maximize else "minimize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPARED, n_warmup_steps=SPARED),
        )

    def _frozen(self, ended: Ended) -> optuna.trial.FrozenTrial:
        from optuna.trial import create_trial

        values = self._valid(ended.values)
        return create_trial(
            state=_state(ended.trial),
            value=ended.trial.score,
            params=values,
            distributions={key: self.distributions[key] for key in values},
            user_attrs={NUMBER: ended.trial.number},
            intermediate_values=_by_tenth(ended.validations),
        )

    def _valid(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that lie in the space."""
        return {
            key: values[key]
            for key, distribution in self.distributions.items()
            if key in values and _contains(distribution, values[key])
        }


class _LostError(Exception):
    """The database cannot be used; the message continues the sentence that begins with its path."""


def _fail(study: optuna.Study, number: int) -> None:
    from optuna.trial import TrialState

    study.tell(number, state=TrialState.FAIL, skip_if_finished=True)


def _state(trial: SearchTrial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    if trial.score is not None:
        return TrialState.COMPLETE
    return TrialState.PRUNED if trial.stopped else TrialState.FAIL


def _by_tenth(validations: Validations) -> dict[int, float]:
    """The metric at each tenth of the training: that of the last validation before it."""
    if not validations:
        return {}
    first, last = int(10 * validations[0][0]), int(10 * validations[-1][0])
    return {
        tenth: next(value for share, value in reversed(validations) if int(10 * share) <= tenth)
        for tenth in range(first, last + 1)
    }


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna import distributions

    if isinstance(dimension, Choice):
        return distributions.CategoricalDistribution(dimension.values)
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return distributions.IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return distribution._contains(distribution.to_internal_repr(value))
    except (ValueError, TypeError):  # None, or another value that the distribution cannot hold
        return False
