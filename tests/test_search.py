"""What a candidate declares is searched within its share of the budget: trials in processes, a record, and the best adopted."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from omegaconf import OmegaConf

import framework
from framework import Choice, FrameworkError, Range, Space
from framework.__main__ import main
from framework.run.context import Run
from framework.run.fit import OUT_OF_MEMORY
from framework.run.folder import RunFolder
from framework.run.search.moves import Move, by_promise, told_apart
from framework.run.search.proposals import Proposals
from framework.run.search.record import SearchRecord, SearchTrial, read_record, write_record
from framework.run.search.replay import Step, write_winner
from framework.run.search.searching import why_lost
from framework.run.search.spaces import RunSpace
from framework.run.search.study import Ended, Study
from framework.training.records import VALIDATIONS
from tests import forked
from tests.dial import DialCandidate
from tests.test_run import report
from tests.test_stages import KillAt

pytest.importorskip("optuna")


@dataclass(frozen=True)
class KilledWhileAdopting:
    """Ends its process when a file or folder of this name is about to be moved or copied while a trial is adopted."""

    name: str

    def __call__(self) -> None:
        adopting = False

        def look(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal adopting
            target = str(arguments[1]) if event in ("os.rename", "shutil.copyfile") else ""
            if adopting and target.endswith(f"/{self.name}"):
                os.kill(os.getpid(), signal.SIGKILL)
            adopting = adopting or target.endswith("/search.json")

        sys.addaudithook(look)


def record(run: Path, name: str = "dial") -> SearchRecord:
    found = read_record(run / "trials" / name)
    assert found is not None
    return found


def turned(run: Path, name: str) -> float:
    """How far the dial is turned that a run left."""
    return float((run / "trials" / name / "fitted" / "turned.json").read_text())


def answer(run: Path) -> Any:
    return framework.load(run).predict(["any text"])[0]["label"]


def test_a_candidate_of_a_stranger_is_searched_and_the_best_ships(tmp_path: Path, settings: list[str]) -> None:
    run = framework.run_recipe("sentiment", *settings, "search.trials=3", folder=tmp_path / "run")
    search = record(run)
    assert search.trials[0].settings == {}
    assert search.trial(search.best).settings["candidates.dial.answer"] in (0, 1)
    scores = {trial.number: trial.score for trial in search.trials}
    assert scores[search.best] == max(value for value in scores.values() if value is not None)
    assert answer(run) in ("a", "b")
    losers = [run / "trials" / "dial" / str(trial.number) for trial in search.trials]
    assert not [path for folder in losers for path in (folder / "fitted", folder / "checkpoints") if path.exists()]
    scores_of_memory = [(folder / "oom_score.txt").read_text() for folder in losers]
    assert scores_of_memory[0].strip() != "1000"
    assert {text.strip() for text in scores_of_memory[1:]} == {"1000"}  # the system ends a trial before the run
    [section] = [one for one in report(run)["sections"] if one["title"] == "Search of dial"]
    assert len(section["rows"]) == len(search.trials)
    assert "recipe's own settings" in section["rows"][0][1]


@pytest.mark.parametrize(
    ("temper", "reason"),
    [
        ("murderous", "its process was killed, as the system does when memory is used up"),
        ("faulty", "RuntimeError: a fault of the candidate"),
        ("greedy", OUT_OF_MEMORY),
    ],
)
def test_a_trial_that_fails_is_refused_with_its_reason_and_the_run_ships(
    tmp_path: Path, settings: list[str], temper: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPERS", temper)
    more = ["candidates.dial.answer=1", "search.trials=1"]
    run = framework.run_recipe("sentiment", *settings, *more, folder=tmp_path / "run")
    search = record(run)
    assert [trial.lost for trial in search.trials[1:]] == [reason]
    assert search.best == 0
    assert answer(run) == "b"


def test_what_the_recipe_sets_is_not_varied_and_without_budget_or_number_nothing_is_searched(
    tmp_path: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ["candidates.dial.answer=1", "candidates.dial.temper=merry", "search.trials=5"]
    run = framework.run_recipe("sentiment", *settings, *fixed, folder=tmp_path / "fixed")
    assert not (run / "trials" / "dial" / "search.json").exists()
    run = framework.run_recipe("sentiment", *settings, folder=tmp_path / "plain")
    assert not (run / "winner.yaml").exists()
    assert answer(run) == "c"
    assert main(["replay", str(run)]) == 2
    assert "has no winner.yaml: it had neither a budget nor search.trials=" in capsys.readouterr().err


def test_where_one_fit_takes_the_whole_time_there_is_no_search_and_it_is_said(
    tmp_path: Path, settings: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.run.search.moves.STARTING", 60.0)
    run = framework.run_recipe("sentiment", *settings, "budget=40s", folder=tmp_path / "run")
    assert "one fit of dial takes the whole time: no search" in capsys.readouterr().out
    assert [trial.number for trial in record(run).trials] == [0]
    assert answer(run) == "c"


def test_the_best_is_continued_and_its_lineage_replayed_to_the_same_metrics(
    tmp_path: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*(one for one in settings if not one.startswith("candidates=")), "candidates=[onward]", "search.trials=2"]
    run = framework.run_recipe("sentiment", *words, folder=tmp_path / "run")
    search = record(run, "onward")
    lineage = search.lineage()
    assert [trial.begin for trial in lineage] == [None, *(trial.number for trial in lineage[:-1])]
    assert len(lineage) > 1
    assert main(["replay", str(run), "--folder", str(tmp_path / "again")]) == 0
    assert report(tmp_path / "again")["metrics"] == report(run)["metrics"]
    assert turned(run, "onward") == turned(tmp_path / "again", "onward") > 1


def test_a_mean_with_the_best_is_recorded_and_replayed_also_where_nothing_is_left_to_search(
    tmp_path: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*(one for one in settings if not one.startswith("candidates=")), "candidates=[averaged]", "search.trials=2"]
    run = framework.run_recipe("sentiment", *words, folder=tmp_path / "run")
    search = record(run, "averaged")
    lineage = search.lineage()
    assert len(lineage) > 1
    assert {trial.begin for trial in lineage} == {None}
    assert [trial.averaged for trial in lineage] == [None, *(trial.number for trial in lineage[:-1])]
    assert f"averaged with trial {lineage[-1].averaged}" in capsys.readouterr().out
    assert main(["replay", str(run), "--folder", str(tmp_path / "again")]) == 0
    assert turned(run, "averaged") == turned(tmp_path / "again", "averaged") > 1
    networks = json.loads((tmp_path / "again" / "artifact" / "manifest.json").read_text("utf-8"))["model"]["networks"]
    assert networks == len(lineage)
    winner: Any = OmegaConf.load(run / "winner.yaml")
    winner.candidates.averaged.answer, winner.candidates.averaged.level = 0, 2.0  # so that nothing is left to search
    winner.search.lineage = [{"candidates.averaged.answer": 1, "begins_anew": True, "averaged": True}]
    OmegaConf.save(winner, run / "winner.yaml")
    assert main(["replay", str(run), "--folder", str(tmp_path / "narrow")]) == 0
    trials = record(tmp_path / "narrow", "averaged").trials
    assert [(trial.begin, trial.averaged) for trial in trials] == [(None, None), (None, 0)]


def test_a_later_step_of_a_lineage_says_what_it_takes_back(tmp_path: Path) -> None:
    own = {"candidates": {"dial": {"answer": 2, "level": 1.0}}, "budget": "9m", "search": {"trials": None, "lineage": []}}
    run = SimpleNamespace(folder=RunFolder(tmp_path), config=OmegaConf.create(own), candidates={"dial": DialCandidate()})
    first = SearchTrial(1, {"candidates.dial.answer": 1}, None, 1.0, 1, score=0.5)
    second = SearchTrial(2, {"candidates.dial.level": 3.0}, None, 1.0, 1, score=0.6, averaged=1)
    (tmp_path / "trials" / "dial").mkdir(parents=True)
    write_record(tmp_path / "trials" / "dial", SearchRecord("dial", "accuracy", best=2, trials=(first, second)))
    write_winner(cast(Run, run), "dial")
    winner: Any = OmegaConf.load(tmp_path / "winner.yaml")
    assert winner.candidates.dial.answer == 1
    [step] = map(Step.read, winner.search.lineage)
    settings = {"candidates.dial.answer": 2, "candidates.dial.level": 3.0}
    assert step == Step(settings, begins_anew=True, averaged=True)
    assert Step.read({"candidates.dial.level": 3.0}) == Step({"candidates.dial.level": 3.0}, begins_anew=False, averaged=False)


@pytest.mark.parametrize(
    ("gain", "mean", "lost"),
    [
        (0.02, False, ""),
        (0.005, False, "better than trial 3 by less than the spread"),
        (0.005, True, ""),
        (0.0, True, "not better than trial 3"),
        (-0.01, False, "not better than trial 3"),
    ],
)
def test_of_a_mean_any_gain_is_enough(gain: float, mean: bool, lost: str) -> None:
    assert why_lost(gain, 0.01, 3, mean=mean) == lost


def test_a_fit_that_begins_anew_changes_the_settings_of_the_last_one_that_did(tmp_path: Path) -> None:
    first, second, third = (
        SearchTrial(number, {"k": number}, begin, 1.0, 1, score=0.5 + number / 10, averaged=averaged)
        for number, begin, averaged in ((1, None, None), (2, 1, None), (3, None, 2))
    )
    search = SearchRecord("dial", "accuracy", best=3, trials=(first, second, third))
    assert [trial.number for trial in search.lineage()] == [1, 2, 3]
    proposals = Proposals(tmp_path, RunSpace({"x": Range(0.0, 1.0)}, {"y": Range(0.0, 1.0)}, {}), 0, True, print)
    assert {move: (proposals.next(search, move, 4) or {})["k"] for move in Move} == {Move.fresh: 3, Move.onward: 3}
    continued = replace(search, best=2)
    assert {move: (proposals.next(continued, move, 4) or {})["k"] for move in Move} == {Move.fresh: 1, Move.onward: 2}


@pytest.mark.parametrize("damaged", ["whole", "damaged"])
def test_a_search_that_is_killed_goes_on_and_loses_only_the_trial_that_ran(
    tmp_path: Path, settings: list[str], site: Path, damaged: str
) -> None:
    """Unless the best has been damaged since: then the search begins again."""
    words = ["recipe=sentiment", *settings, "search.trials=2", "hydra.run.dir=run"]
    process = forked.start(tmp_path, *words, path=[site], before=KillAt("2/order.json"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, (out, err)
    trials = tmp_path / "run" / "trials" / "dial"
    before = record(tmp_path / "run")
    assert [trial.number for trial in before.trials] == [0, 1]
    (trials / "2" / "fitted").mkdir(parents=True, exist_ok=True)
    if damaged == "damaged":
        (trials / "fitted" / "turned.json").unlink()
    done = forked.run(tmp_path, "resume", "run", path=[site])
    assert done.returncode == 0, done.stderr
    after = record(tmp_path / "run")
    assert len(after.trials) == 3
    assert (after.trials[:2] == before.trials) is (damaged == "whole")
    assert ("of the fitted dial, is missing or damaged" in done.stdout) is (damaged == "damaged")


@pytest.mark.parametrize("entry", ["fitted", "fit-dial.json", "trial.json"])
def test_a_kill_while_the_best_is_adopted_loses_no_fitted_candidate(
    tmp_path: Path, settings: list[str], site: Path, entry: str
) -> None:
    words = ["recipe=sentiment", *settings, "search.trials=1", "hydra.run.dir=run"]
    process = forked.start(tmp_path, *words, path=[site], before=KilledWhileAdopting(entry))
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    run = tmp_path / "run"
    assert record(run).best == 1
    assert (run / "trials" / "dial" / "1" / "fitted").is_dir()
    done = forked.run(tmp_path, "resume", "run", path=[site])
    assert done.returncode == 0, done.stderr
    assert "is missing or damaged" not in done.stdout
    assert answer(run) != "c"
    assert not (run / "trials" / "dial" / "1" / "fitted").exists()


@pytest.fixture
def study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Study, list[Ended]]:
    ended = [Ended(SearchTrial(number, {"x": x}, None, 1.0, 1, score=-x), {"x": x}) for number, x in enumerate((1.0, 2.0))]
    study = Study(tmp_path, "fresh", {"x": Range(0.0, 3.0), "y": Choice((None, "a"))}, maximize=True, say=print)
    study.propose(ended, 2, {"x": 1.0, "y": None}, ["x"], seed=0)
    return study, ended


def drawn(study: Study, ended: list[Ended], number: int = 3) -> dict[str, Any]:
    return study.propose(ended, number, {"x": 1.0, "y": None}, ["x", "y"], seed=0)


def test_a_study_that_is_gone_in_the_middle_is_made_again_and_it_is_said(
    study: tuple[Study, list[Ended]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched, ended = study
    (tmp_path / "study.db").unlink()
    searched.tell([*ended, Ended(SearchTrial(2, {"x": 0.5}, None, 1.0, 1, score=0.5), {"x": 0.5})])
    assert "study.db is gone: it is made again from search.json, and no trial is lost" in capsys.readouterr().out
    assert set(drawn(searched, ended)) == {"x", "y"}
    with sqlite3.connect(tmp_path / "study.db") as database:
        [[trials]] = database.execute("select count(*) from trials where state='COMPLETE'").fetchall()
    assert trials == 2


@pytest.mark.parametrize("broken", ["other version", "no database"])
def test_a_study_of_another_version_is_made_again_and_it_is_said(
    study: tuple[Study, list[Ended]], tmp_path: Path, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if broken == "no database":
        (tmp_path / "study.db").write_bytes(b"nothing that SQLite wrote, for more than a page" * 200)
    else:
        with sqlite3.connect(tmp_path / "study.db") as database:
            database.execute("update alembic_version set version_num='v0.9.0.a'")
    again = Study(tmp_path, "fresh", {"x": Range(0.0, 3.0), "y": Choice((None, "a"))}, maximize=True, say=print)
    assert set(drawn(again, study[1])) == {"x", "y"}
    assert "study.db cannot be used (" in capsys.readouterr().out


def test_a_study_that_is_locked_is_one_clear_error(
    study: tuple[Study, list[Ended]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.run.search.study.LOCK_SECONDS", 0.1)
    searched = Study(tmp_path, "fresh", {"x": Range(0.0, 3.0)}, maximize=True, say=print)
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("begin exclusive")
        with pytest.raises(FrameworkError, match=r"study\.db is locked by another process.*resume the run: nothing that was"):
            searched.propose(study[1], 3, {"x": 1.0}, ["x"], seed=0)
    assert set(searched.propose(study[1], 3, {"x": 1.0}, ["x"], seed=0)) == {"x"}


def test_a_training_that_is_worse_than_the_median_at_the_same_share_is_stopped(tmp_path: Path) -> None:
    curves = [((0.25, 0.5), (0.5, 0.7), (1.0, 0.9)), ((0.33, 0.4), (0.66, 0.8), (1.0, 0.8)), ((0.5, 0.6), (1.0, 0.7))]
    ended = [
        Ended(SearchTrial(number, {}, None, 1.0, 1, score=curve[-1][1]), {"x": 1.0}, curve)
        for number, curve in enumerate(curves)
    ]
    study = Study(tmp_path, "fresh", {"x": Range(0.0, 3.0)}, maximize=True, say=print)
    study.propose(ended, 3, {"x": 1.0}, ["x"], seed=0)
    assert not study.falls_behind(ended, [(0.2, 0.1)])  # too early
    assert not study.falls_behind(ended, [(0.2, 0.1), (0.5, 0.75)])
    assert not study.falls_behind(ended, [(0.2, 0.1), (0.5, 0.75), (0.95, 0.6)])  # its best so far counts
    study.cancel()
    study.propose(ended, 4, {"x": 1.0}, ["x"], seed=0)
    assert study.falls_behind(ended, [(0.2, 0.1), (0.5, 0.2)])


def trial_of(number: int, gain: float, spread: float, seconds: float = 10.0, begin: int | None = None) -> SearchTrial:
    return SearchTrial(number, {}, begin, seconds, 1, 0.5 + gain, gain, spread, lost="" if gain > spread else "worse")


def test_the_kind_of_trial_that_gains_most_a_second_is_next() -> None:
    first = SearchTrial(0, {}, None, 100.0, 1, 0.5)
    begun = SearchRecord("dial", "accuracy", trials=(first,))
    assert by_promise(list(Move), begun, 100.0, prior=0.01)[0] is Move.onward  # half as long
    gained = replace(begun, trials=(first, trial_of(1, -0.01, 0.01, 60.0, begin=0)))
    assert by_promise(list(Move), gained, 100.0, prior=0.01)[0] is Move.fresh
    again = replace(begun, trials=(*gained.trials, trial_of(2, -0.02, 0.01, 110.0), trial_of(3, -0.02, 0.01, 110.0)))
    assert by_promise(list(Move), again, 100.0, prior=0.01)[0] is Move.onward


def test_a_search_ends_where_validation_does_not_tell_its_trials_apart() -> None:
    first = SearchTrial(0, {}, None, 100.0, 1, 0.5)
    few = SearchRecord("dial", "accuracy", trials=(first, *(trial_of(i, 0.001, 0.01) for i in range(1, 4))))
    assert told_apart(few)
    assert not told_apart(replace(few, trials=(*few.trials, trial_of(4, -0.004, 0.01))))
    assert told_apart(replace(few, trials=(*few.trials, trial_of(4, -0.1, 0.01))))


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("search.trials=-1", "search.trials=-1 is a number of further fits: write 0 for none"),
        ("search.lineage=[1]", "search.lineage is what winner.yaml has"),
        ("search.trails=3", "no key 'search.trails'; did you mean search.trials?"),
    ],
)
def test_a_search_that_cannot_be_is_refused(settings: list[str], setting: str, problem: str) -> None:
    with pytest.raises(framework.InputError, match=re.escape(problem)):
        framework.run_recipe("sentiment", *settings, setting)


@pytest.mark.parametrize(
    ("dimension", "problem"),
    [
        (Space({"knob": Range(0, 1)}), "Dial has no option 'knob'"),
        (Space({"level": Range(2.0, 1.0)}), "level ranges from 2.0 to 1.0: write low <= high"),
        (Space({"level": Range(0.0, 1.0, log=True)}), "level ranges from 0.0 to 1.0"),
        (Space({"temper": Choice(())}), "temper has no values to choose from"),
    ],
)
def test_a_space_that_cannot_be_is_refused_by_name(
    tmp_path: Path, settings: list[str], dimension: Space, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.dial.DialCandidate.space", lambda *_: dimension)
    with pytest.raises(FrameworkError, match=f"the space of the candidate dial is wrong: {re.escape(problem)}"):
        framework.run_recipe("sentiment", *settings, "search.trials=1", folder=tmp_path / "run")


def test_no_trial_falls_behind_by_another_metric_than_the_runs(tmp_path: Path) -> None:
    """A writer's training is judged by its loss, of which less is better, where its answers are judged by chrF."""
    (tmp_path / VALIDATIONS).write_text("[0.5, 0.1]\n", "utf-8")
    space = RunSpace({}, {}, {}, compared_early=False)
    proposals = Proposals(tmp_path, space, 0, True, print)
    assert not proposals.falls_behind(SearchRecord("writer", "chrf"), Move.fresh, tmp_path / VALIDATIONS)


def test_the_space_of_a_writer_follows_from_its_options() -> None:
    from framework_text.generation.options import Writing
    from framework_text.generation.search_space import writing_space

    assert writing_space(Writing(), {}).options.keys() == {"learning_rate", "rank", "epochs"}
    assert not writing_space(Writing(), {}).compared_early
    assert writing_space(Writing(adapter="none"), {"max_steps": 2}).options.keys() == {"learning_rate"}
