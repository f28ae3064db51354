"""Ctrl-C: an error while nothing could ship; afterwards an artifact of what is fitted, and at the second time the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import framework
from framework.contracts.candidate import Budget
from framework.machine.interrupts import Stop, Stopped, Stopping, deferred
from tests import forked


@dataclass(frozen=True)
class PressAt:
    """Sends SIGINT to its process when a file or folder is about to take its name, the first time or a later."""

    name: str
    time: int = 1

    def __call__(self) -> None:
        renamed = 0

        def look(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal renamed
            if event == "os.rename" and str(arguments[1]).endswith(f"/{self.name}"):
                renamed += 1
                if renamed == self.time:
                    os.kill(os.getpid(), signal.SIGINT)

        sys.addaudithook(look)


FIRST_EPOCH, LATER_EPOCH = PressAt("checkpoints/best-epoch0.ckpt"), PressAt("checkpoints/last.ckpt", 3)


@dataclass(frozen=True)
class Presses:
    presses: tuple[PressAt, ...]

    def __call__(self) -> None:
        for press in self.presses:
            press()


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where the tests are started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def words(small: list[str]) -> list[str]:
    others = [word for word in small if not word.startswith(("candidates=", "trainer.max_epochs="))]
    return [*others, "candidates=[linear,fine_tuned]", "trainer.max_epochs=8", "export=[quick]", "tracker=none"]


def pressed(folder: Path, words: list[str], *presses: PressAt) -> subprocess.CompletedProcess[str]:
    done = forked.run(folder, "recipe=sentiment", *words, "hydra.run.dir=runs/one", before=Presses(presses))
    assert "Traceback" not in done.stdout + done.stderr
    return done


def report(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "report.json").read_text("utf-8"))
    return content


def test_before_anything_could_ship_it_is_one_error_that_says_how_to_go_on(tmp_path: Path, words: list[str]) -> None:
    done = pressed(tmp_path, words, PressAt("data"))
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == (
        "interrupted: there is no artifact; runs/one keeps the recipe. To go on: python -m framework resume runs/one"
    )
    assert not (tmp_path / "runs" / "latest").is_symlink()


def test_a_fit_without_an_epoch_is_left_out_and_the_cheap_candidate_ships(tmp_path: Path, words: list[str]) -> None:
    done = pressed(tmp_path, words, FIRST_EPOCH)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "one"
    stopping = re.search(
        r"stopping: linear ships; the fit of fine_tuned is given up; the rest takes about (\d+) s", done.stdout
    )
    assert stopping is not None
    assert 6 < int(stopping[1]) < 30  # report and seal, and a file that is copied
    assert "Ctrl-C again ends at once, and keeps runs/one for the verb resume" in done.stdout
    content = report(run)
    assert content["candidate"] == "linear"
    reasons = content["selection"]["refused"]["fine_tuned"]
    assert reasons[0].startswith("stopped by the user after ")
    assert any("(fine_tuned) is left out: stopped by" in decision["sentence"] for decision in content["decisions"])
    assert framework.load(run.parent / "latest").predict(["the lovely flight"])[0]["label"]
    assert not list(run.rglob(".*-unfinished"))


def test_a_training_keeps_its_best_epoch(tmp_path: Path, words: list[str]) -> None:
    done = pressed(tmp_path, words, LATER_EPOCH)
    assert done.returncode == 0, done.stderr
    content = report(tmp_path / "runs" / "one")
    assert {ranked["candidate"] for ranked in content["selection"]["ranking"]} == {"linear", "fine_tuned"}
    notes = [section["note"] for section in content["sections"] if section["title"] == "Training"]
    assert [note.startswith("stopped by the user: the weights after epoch ") for note in notes] == [True]
    shares = json.loads((tmp_path / "runs" / "one" / "trials" / "fine_tuned" / "schedule.json").read_text("utf-8"))
    assert shares[-1] == 1.0


def test_the_second_time_it_ends_and_resume_fits_what_was_given_up(tmp_path: Path, words: list[str]) -> None:
    done = pressed(tmp_path, words, FIRST_EPOCH, PressAt("selection.json"))
    assert done.returncode == 130
    message = done.stderr.splitlines()[-1]
    assert "runs/one keeps the rows and the fits of linear, majority" in message
    assert message.endswith("To go on: python -m framework resume runs/one")
    assert not (tmp_path / "runs" / "one" / "artifact").exists()
    again = forked.run(tmp_path, "resume", "runs/one")
    assert again.returncode == 0, again.stderr
    content = report(tmp_path / "runs" / "one")
    assert {ranked["candidate"] for ranked in content["selection"]["ranking"]} == {"linear", "fine_tuned"}
    assert content["selection"]["refused"] == {}


@pytest.mark.parametrize("name", ["selection.json", "export/linear", "evaluation.json", "report.html", "artifact"])
def test_in_later_stages_the_artifact_is_sealed(tmp_path: Path, csv_file: Path, quick: None, name: str) -> None:
    words = [f"data.train={csv_file}", "candidates=[linear]", "export=[quick]", "tracker=none"]
    done = pressed(tmp_path, words, PressAt(name))
    assert done.returncode == 0, done.stderr
    assert "stopping: linear ships; the rest takes about" in done.stdout
    assert framework.load(tmp_path / "runs" / "latest").predict(["the lovely flight"])[0]["label"]


def test_a_budget_has_no_time_left_once_the_run_is_to_stop() -> None:
    budget = Budget(100.0)
    shared = [budget, budget.share(0.5), budget.without(10), Budget(stop=budget.stop)]
    budget.stop.asked = True
    assert [one.remaining() for one in shared] == [0.0, 0.0, 0.0, 0.0]


def stopping(folder: Path, *fitted: str) -> Stopping:
    stop = Stopping(Stop(), print, folder)
    stop.expect(12.0, fitted)
    return stop


def test_work_is_given_up_and_other_work_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = stopping(tmp_path, "linear"), stopping(tmp_path, "linear", "frozen")
    with first.listening(), pytest.raises(Stopped), first.stop.giving_up("the fit of frozen"):
        signal.raise_signal(signal.SIGINT)
    with second.listening():
        signal.raise_signal(signal.SIGINT)
        assert second.stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert "linear ships; the fit of frozen is given up; the rest takes about 12 s" in lines[0]
    assert "the best of linear, frozen ships; the rest takes about 12 s" in lines[1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_file_is_written_to_its_end_before_the_run_hears_of_it(tmp_path: Path) -> None:
    run, written = stopping(tmp_path, "linear"), list[bool]()

    def write() -> None:
        with run.stop.giving_up("the file torchscript"), deferred():
            signal.raise_signal(signal.SIGINT)
            written.append(not run.stop.asked)

    with run.listening(), pytest.raises(Stopped):
        write()
    assert written == [True]


def test_a_program_with_a_handler_of_its_own_and_other_threads_keep_theirs(tmp_path: Path) -> None:
    handlers: list[object] = []

    def listen() -> None:
        with stopping(tmp_path, "linear").listening():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with stopping(tmp_path, "linear").listening():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (handlers, heard) == ([signal.default_int_handler], [signal.SIGINT])
