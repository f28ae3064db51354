"""First fits in processes of their own: nothing that happens to one ends the run where another candidate could ship."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import framework
from framework import FrameworkError
from framework.report.console import Console
from framework.report.privacy import Disclosure
from framework.run.fit import OUT_OF_MEMORY
from framework.run.fits.process import TOLD, FitProcesses, Order, last_line
from framework.run.fits.telling import Listener, Teller, ToldLog
from tests import forked
from tests.test_run import report

SOON = 120.0  # seconds after which something that is waited for will not come
WITHOUT_GPU = """
import sys, torch
torch.cuda._is_in_bad_fork = lambda: True
sys.modules["__main__"].fit_as_ordered = lambda folder: 9  # so that only another program gives an answer
"""


@pytest.fixture
def words(settings: list[str]) -> list[str]:
    """A recipe whose last candidate is fitted in a process of its own."""
    others = [word for word in settings if not word.startswith("candidates=")]
    return [*others, "candidates=[linear,apart]", "trainer.enable_progress_bar=false"]


def run_apart(folder: Path, words: list[str], temper: str = "calm", *more: str, budget: str = "1h") -> Path:
    return framework.run_recipe(
        "sentiment", *words, f"candidates.apart.temper='{temper}'", f"budget={budget}", *more, folder=folder
    )


def shipped(run: Path) -> tuple[str, list[str]]:
    """The candidate that shipped, and why the one apart was refused."""
    content = report(run)
    return content["candidate"], content["selection"]["refused"].get("apart", [])


@contextmanager
def pressing(file: Path) -> Iterator[None]:
    """Presses Ctrl-C as soon as a file is there."""

    def press() -> None:
        try:
            appeared(file)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


def appeared(path: Path) -> bytes:
    """The content of a file that another process writes."""
    end = time.monotonic() + SOON
    while not path.is_file() or not (content := path.read_bytes()):
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.02)
    return content


@pytest.mark.parametrize(
    ("temper", "reason"),
    [
        ("murderous", "its process was killed, as the system does when memory is used up"),
        ("faulty", "RuntimeError: a fault of the candidate"),
        ("greedy", OUT_OF_MEMORY),
        ("picky", "one thing is wrong|and another"),
        ("torn", "rank 1 failed"),
    ],
)
def test_a_fit_that_fails_is_refused_with_its_reason_and_another_candidate_ships(
    tmp_path: Path, words: list[str], temper: str, reason: str
) -> None:
    assert shipped(run_apart(tmp_path / "run", words, temper)) == ("linear", reason.split("|"))


def test_a_full_disk_ends_the_run_and_is_recorded_as_no_refusal(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(FrameworkError, match=r"make room"):
        run_apart(tmp_path / "run", words, "unlucky")
    assert not (tmp_path / "run" / "trials" / "apart" / "trial.json").exists()


def test_a_process_of_its_own_is_for_a_run_with_a_budget_where_another_could_ship(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_a_process(run: Path) -> bool:
        return (run / "trials" / "apart" / "began.txt").read_text() != str(os.getpid())

    alone, turned = ([*words, f"candidates={names}"] for names in ("[apart]", "[apart,linear]"))
    runs = [run_apart(tmp_path / "both", words), run_apart(tmp_path / "turned", turned), run_apart(tmp_path / "alone", alone)]
    runs.append(run_apart(tmp_path / "unlimited", words, budget="null"))
    monkeypatch.setenv("FRAMEWORK_DEBUG", "1")
    runs.append(run_apart(tmp_path / "debugged", words))
    assert [has_a_process(run) for run in runs] == [True, True, False, False, False]  # trainings are fitted last
    assert [(run / "trials" / "output.log").exists() for run in runs] == [True, True, False, False, False]
    assert (runs[0] / "trials" / "apart" / "oom_score.txt").read_text().strip() == "1000"  # the system ends it before the run


def test_what_a_fit_shows_and_logs_reaches_the_run_and_its_report_without_personal_data(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tracked = [word for word in words if not word.startswith("tracker=")]
    run = run_apart(tmp_path / "run", tracked, "calm", "tracker=[notes]")
    shown, errors = capsys.readouterr()
    assert "a library speaks" in errors
    assert (run / "notes.txt").read_text() == "{'loss': 0.5} at 3\n"
    assert '["progress", "half way"]' in (run / "trials" / "apart" / TOLD).read_text()
    assert shown.index("dial: the fit begins") < shown.index("A word of the fit") < shown.index("dial: fitted in")
    [section] = [one for one in report(run)["sections"] if one["title"] == "A word of the fit"]
    assert section["note"] == "and a note"
    for text in (shown, str(section), (run / "run.log").read_text("utf-8")):
        assert "write to" in text
        assert "bob@example.com" not in text


def test_progress_and_metrics_reach_the_run_line_by_line(tmp_path: Path) -> None:
    class Log:
        name = "tracker"

        def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
            heard.append((metrics, step))

        def finalize(self, status: str) -> None:
            heard.append(status)

    heard: list[Any] = []
    listener = Listener(tmp_path, Console(tmp_path, Disclosure()), heard.append, [Log()])
    listener.listen()
    teller = Teller(tmp_path)
    log = ToldLog("tracker", teller)
    teller.progress("epoch 1")
    log.log_metrics({"loss": 0.5}, 3)
    with (tmp_path / TOLD).open("a") as stream:
        stream.write('["progress", "half a li')
    listener.listen()
    assert heard == ["epoch 1", ({"loss": 0.5}, 3)]
    with (tmp_path / TOLD).open("a") as stream:
        stream.write('ne"]\n')
    log.finalize("success")
    listener.listen()
    assert heard[2:] == ["half a line", "success"]


def test_stopped_by_the_user_a_fit_without_a_result_is_given_up(tmp_path: Path, words: list[str]) -> None:
    with pressing(tmp_path / "run" / "trials" / "apart" / "began.txt"):
        run = run_apart(tmp_path / "run", words, "slow")
    candidate, [reason] = shipped(run)
    assert candidate == "linear"
    assert re.fullmatch(r"stopped by the user after \d+ s", reason)


def test_stopped_by_the_user_a_fit_keeps_what_it_has_learned(tmp_path: Path, words: list[str]) -> None:
    with pressing(tmp_path / "run" / "trials" / "apart" / "began.txt"):
        run = run_apart(tmp_path / "run", words, "quick to learn", "candidates.apart.answer=0")
    assert {ranked["candidate"] for ranked in report(run)["selection"]["ranking"]} == {"linear", "apart"}


def test_a_fit_that_takes_too_long_is_ended_in_time_for_another_to_ship(tmp_path: Path, words: list[str]) -> None:
    started = time.monotonic()
    run = run_apart(tmp_path / "run", words, "slow", budget="20s")
    assert time.monotonic() - started < 20 + 10
    assert shipped(run) == ("linear", ["it took longer than the time that was left"])


def test_it_ends_with_a_run_that_is_killed_and_a_resumed_run_fits_again(tmp_path: Path, words: list[str], site: Path) -> None:
    path = [site, Path(__file__).parents[1]]
    slow = [*words, "candidates.apart.temper=slow", "budget=1h", "hydra.run.dir=run"]
    command = forked.start(tmp_path, "recipe=sentiment", *slow, path=path)
    began = tmp_path / "run" / "trials" / "apart" / "began.txt"
    pid = int(appeared(began))
    command.kill()
    end = time.monotonic() + SOON
    while _lives(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _lives(pid)
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("temper: slow", "temper: calm"), "utf-8")
    done = forked.run(tmp_path, "resume", "run", path=path)
    assert done.returncode == 0, done.stderr
    assert int(began.read_text()) != pid
    assert [one["title"] for one in report(tmp_path / "run")["sections"]].count("A word of the fit") == 1
    assert {ranked["candidate"] for ranked in report(tmp_path / "run")["selection"]["ranking"]} == {"linear", "apart"}


def _lives(pid: int) -> bool:
    """Whether a process exists and is not one that has ended and waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answered(processes: FitProcesses, folder: Path) -> str:
    """The reason of a fit whose run is not there."""
    [reason] = processes.fit(folder, Order(str(folder / "no run"), "linear", ["linear"], None), lambda: False, None).refused
    return reason


def test_a_fork_server_that_has_died_is_replaced(tmp_path: Path) -> None:
    with FitProcesses(tmp_path / "trials", ()) as processes:
        server = processes.begin()
        server.kill()
        server.wait()
        assert "no run" in answered(processes, tmp_path / "one")
        assert processes.begin() is not server


@pytest.mark.parametrize(
    ("module", "printed"),
    [
        ("raise RuntimeError('not on this machine')", "RuntimeError: not on this machine"),
        (WITHOUT_GPU, ""),
        ("raise SystemExit(3)", None),
    ],
)
def test_a_module_that_cannot_be_imported_beforehand_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, printed: str | None
) -> None:
    (tmp_path / "wanted_by_a_fit.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    with FitProcesses(tmp_path / "trials", ["no_such_module", "wanted_by_a_fit"]) as processes:
        reason = answered(processes, tmp_path / "one")
    log = (tmp_path / "trials" / "output.log").read_text()
    assert "No module named 'no_such_module'" in log
    if printed is None:
        assert reason.startswith("its process ended with code 3: ")
    else:
        assert "no run" in reason
        assert printed in log


def test_the_last_line_of_a_process_is_cut(tmp_path: Path) -> None:
    (tmp_path / "output.log").write_text("one\n" + "x" * 40_000 + "\n \n")
    assert last_line(tmp_path / "output.log") == "x" * 200
    assert last_line(tmp_path / "none.log") == ""


def test_a_fine_tuning_that_the_user_stops_keeps_its_best_epoch(tmp_path: Path, small: list[str]) -> None:
    words = [*small, "candidates=[linear,fine_tuned]", "trainer.max_epochs=500", "export=[quick]", "tracker=none"]
    run = tmp_path / "run"
    with pressing(run / "trials" / "fine_tuned" / "checkpoints" / "last.ckpt"):
        framework.run_recipe("sentiment", *words, "budget=1h", "search.trials=0", folder=run)
    content = report(run)
    assert {ranked["candidate"] for ranked in content["selection"]["ranking"]} == {"linear", "fine_tuned"}
    [note] = [section["note"] for section in content["sections"] if section["title"] == "Training"]
    assert note.startswith("stopped by the user: the weights after epoch ")


def test_a_fine_tuning_in_its_own_process_is_that_of_the_runs_process(tmp_path: Path, small: list[str]) -> None:
    words = [
        *small,
        "candidates=[linear,fine_tuned]",
        "trainer.max_epochs=1",
        "export=[quick]",
        "tracker=none",
        "search.trials=0",
    ]
    runs = [
        framework.run_recipe("sentiment", *words, f"budget={budget}", folder=tmp_path / budget) for budget in ("1h", "null")
    ]
    weights = [(run / "trials" / "fine_tuned" / "fitted" / "model" / "model.safetensors").read_bytes() for run in runs]
    assert (runs[0] / "trials" / "fine_tuned" / "result.json").is_file()
    assert not (runs[1] / "trials" / "fine_tuned" / "result.json").exists()
    assert weights[0] == weights[1]
