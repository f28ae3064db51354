"""What a candidate declares is searched within its share of the budget: trials in processes, a record, and the best adopted."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import framework
from framework import plugins
from framework.__main__ import main
from framework.run.search.record import SearchRecord, read_record
from tests import forked
from tests.test_run import report
from tests.tiny import install, write_csv

pytest.importorskip("optuna")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place on sys.path, also of trials, with the distribution of `tests.dial` and of the quick exporter installed."""
    site = tmp_path / "site"
    install(site, "dial", "tests.dial")
    install(site, "quick-export", "tests.quick")
    root = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(root), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(str(site))
    plugins._load.cache_clear()
    yield site
    plugins._load.cache_clear()


@pytest.fixture
def settings(tmp_path: Path, site: Path) -> list[str]:
    """A recipe of the dial, whose own settings answer the rarest label."""
    texts = [(f"text number {i} of {i * 7919}", "aaaaaabbbc"[i % 10]) for i in range(300)]
    return [f"data.train={write_csv(tmp_path / 'rows.csv', texts)}", "candidates=[dial]", "export=[quick]", "tracker=none"]


def record(run: Path, name: str = "dial") -> SearchRecord:
    found = read_record(run / "trials" / name)
    assert found is not None
    return found


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
    [section] = [one for one in report(run)["sections"] if one["title"] == "Search of dial"]
    assert len(section["rows"]) == len(search.trials)
    assert "recipe's own settings" in section["rows"][0][1]
