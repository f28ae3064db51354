"""A budget is the wall clock of a whole run: what follows the fits is kept for it, and what does not fit in is left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import framework
from framework.__main__ import main
from framework.contracts.candidate import Budget, FitContext
from framework.contracts.data.table import Table
from framework.contracts.evaluation import Metric
from framework.contracts.exporter import Exporter
from framework.evaluation.opened import Opened
from framework.export import measurement
from framework.export.measurement import Answered, Subject
from framework.export.writing import in_order
from framework.plugins import AnyTask, load_plugins
from framework.run import remaining_time
from framework.run.context import Run
from framework.run.folder import ANSWERS, RunFolder
from framework.run.remaining_time import (
    FINISHING,
    Rows,
    Speed,
    _budget_of_bounded,
    budget_of_fit,
    seconds_after_export,
    seconds_after_fits,
)
from framework.run.selection import answered_before
from framework_text.features import FrozenEncoder
from framework_text.options import REGRESSIONS, FrozenFeatures
from tests.tiny import LENGTH, tiny_encoder, tiny_writer, write_dialogues

NETWORK = Speed(opening=2.0, row=0.01, module=True)
LINEAR = Speed(opening=1.0, row=0.001)
ROWS = Rows(validation=1000, test=2000)


def exporters(*names: str) -> list[Exporter]:
    return [load_plugins().exporter(name) for name in names]


def test_what_follows_the_fits_counts_each_answer_and_each_file() -> None:
    seconds = seconds_after_fits({"linear": LINEAR, "frozen": NETWORK}, ["linear", "frozen"], ROWS, exporters("onnx"))
    shortlist = (1 + 1) + (2 + 10)  # what the network answers here is compared with its file, too
    export = 2 + (15 + 10)
    assert seconds == pytest.approx(shortlist + export + seconds_after_export([NETWORK], 2000))
    assert seconds_after_export([NETWORK], 2000) == pytest.approx(2 + 20 + FINISHING)


def test_a_candidate_that_is_still_to_be_fitted_counts_like_the_slowest() -> None:
    speeds = {"linear": LINEAR, "frozen": NETWORK}
    two = seconds_after_fits(speeds, ["linear", "frozen"], ROWS, exporters("onnx"))
    three = seconds_after_fits(speeds, ["linear", "frozen", "fine_tuned"], ROWS, exporters("onnx"))
    assert three - two == pytest.approx(2 + 10)


def test_baselines_and_lossy_files_take_time_too() -> None:
    alone = seconds_after_fits({"frozen": NETWORK}, ["frozen"], ROWS, exporters("onnx"))
    judged = seconds_after_fits({"linear": LINEAR, "frozen": NETWORK}, ["frozen"], ROWS, exporters("onnx"))
    smaller = seconds_after_fits({"frozen": NETWORK}, ["frozen"], ROWS, exporters("onnx", "onnx_int8"))
    assert judged - alone == pytest.approx(1 + 2)
    assert smaller - alone == pytest.approx(2 * (4.5 + 10))  # it is made from the ONNX file


def test_a_graph_with_state_answers_few_rows() -> None:
    writer = Speed(opening=5.0, row=2.0, stateful=True, module=True)
    many = seconds_after_fits({"writer": writer}, ["writer"], Rows(100_000, 10), exporters("onnx"))
    assert many == seconds_after_fits({"writer": writer}, ["writer"], Rows(200, 10), exporters("onnx"))
    two = seconds_after_fits({"writer": writer}, ["writer"], Rows(200, 10), exporters("onnx", "onnx_int8"))
    assert two - many == pytest.approx(2 * (15 + 2 * 200))  # its smaller file is made of a gigabyte


def test_a_budget_ends_earlier_by_what_is_kept() -> None:
    budget = Budget(100.0)
    assert 58 < budget.without(40).remaining() <= 60
    assert budget.without(1000).remaining() == 0
    assert Budget().without(5).remaining() == float("inf")


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("5", "budget=5: 5 of what? Write budget=5s, budget=5m or budget=5h"),
        ("0m", "budget=0m is the time that the whole run may take: write 90s, 10m or 1h"),
        ("1d", "budget=1d is the time that the whole run may take: write 90s, 10m or 1h"),
        ("-3m", "budget=-3m is the time that the whole run may take: write 90s, 10m or 1h"),
    ],
)
def test_a_time_has_a_unit(small: list[str], tmp_path: Path, budget: str, message: str) -> None:
    with pytest.raises(framework.InputError, match=re.escape(message)):
        framework.run_recipe("sentiment", *small, f"budget={budget}", folder=tmp_path / "run")


def test_where_no_time_is_left_the_cheap_candidate_ships_and_it_is_said(
    tmp_path: Path, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [one for one in small if not one.startswith("candidates=")]
    settings += ["candidates=[linear,fine_tuned]", "budget=0.01s"]
    run = framework.run_recipe("sentiment", *settings, folder=tmp_path / "run")
    shown = capsys.readouterr().out
    assert "no time is left for it" in shown
    assert "budget leaves no time for it" in shown
    assert json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["candidate"] == "linear"


@pytest.fixture
def generates(tmp_path: Path) -> list[str]:
    """Overrides of the dialogue recipe with a tiny generator."""
    return [
        f"data.train={write_dialogues(tmp_path / 'dialogues.jsonl')}",
        f"model.name={tiny_writer(tmp_path / 'model')}",
        "task.max_context=40",
        "task.max_answer=6",
        "tracker=none",
        "trainer.enable_progress_bar=false",
    ]


def test_a_generator_is_refused_before_its_training_with_the_least_budget(tmp_path: Path, generates: list[str]) -> None:
    with pytest.raises(framework.InputError, match=r"budget=25s is too short for it: .* take about \d+ s.* the least is about"):
        framework.run_recipe("dialogue", *generates, "budget=25s", folder=tmp_path / "run")
    assert not list((tmp_path / "run").glob("trials/writer/*.json"))  # no plan of a training, which measures its speed


def test_what_a_generator_needs_after_its_fit_is_kept_and_said(
    tmp_path: Path, generates: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And a search varies its adapter in what is left."""
    pytest.importorskip("optuna")
    words = [*generates, "budget=1h", "candidates=[retrieval,writer]", "trainer.max_steps=2", "search.trials=1"]
    run = framework.run_recipe("dialogue", *words, folder=tmp_path / "run")
    assert "fine-tuned writer: of the budget are kept about" in capsys.readouterr().out
    first, second = json.loads((run / "trials" / "writer" / "search.json").read_text("utf-8"))["trials"]
    assert second["score"] is not None
    assert second["settings"].keys() == {"candidates.writer.rank", "candidates.writer.learning_rate"}
    assert not first["settings"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one for each module or file that answers all rows while files are made."""
    asked: list[object] = []
    answer_all = measurement._answer_all

    def counted(subject: Subject, *others: Any) -> Any:
        asked.append(subject)
        return answer_all(subject, *others)

    monkeypatch.setattr(measurement, "_answer_all", counted)
    return asked


def test_answers_of_the_selection_serve_the_proof_of_a_generator(
    tmp_path: Path, generates: list[str], asked: list[object]
) -> None:
    words = [*generates, "candidates=[untuned,writer]", "trainer.max_steps=2", "export=[onnx]"]
    run = framework.run_recipe("dialogue", *words, folder=tmp_path / "run")
    assert len(asked) == 1  # the file answers the rows; the module did when its candidate was chosen
    manifest = json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))
    assert manifest["variants"]["onnx"]["parity"]["steps"] > 0


def test_answers_of_the_selection_serve_the_proof_of_a_classifier_and_change_no_metric(
    tmp_path: Path, csv_file: Path, quick: None, asked: list[object]
) -> None:
    words = [f"data.train={csv_file}", f"model.name={tiny_encoder(tmp_path / 'encoder')}", f"task.max_length={LENGTH}"]
    words += ["candidates=[majority,frozen]", "tracker=none", "export=[quick]"]
    run = framework.run_recipe("sentiment", *words, folder=tmp_path / "run")
    assert len(asked) == 1  # the file answers the rows; the module did when it was chosen
    first = json.loads((run / "report.json").read_text("utf-8"))
    assert main(["export", str(run)]) == 0
    again = json.loads((run / "report.json").read_text("utf-8"))
    assert len(asked) == 3  # another process has no outputs to compare the file with
    assert first["candidate"] == again["candidate"] == "frozen"  # which has learned from validation rows
    for name in ("trained module", "quick"):
        assert first["files"][name]["metrics"] == pytest.approx(again["files"][name]["metrics"], abs=1e-5)


def test_stored_answers_serve_only_the_fit_and_the_rows_that_they_are_of(tmp_path: Path) -> None:
    run = cast(Run, SimpleNamespace(folder=RunFolder(tmp_path), answered={}))
    writer = cast(Opened, SimpleNamespace(name="writer", graphs=[SimpleNamespace(state=["cache"])]))
    path = run.folder.trial("writer") / ANSWERS
    path.parent.mkdir(parents=True)
    assert answered_before(run, writer, 2) is None
    answers = {"responses": [{"content": "a"}, {"content": "b"}], "scores": []}
    path.write_text(json.dumps(answers), "utf-8")
    assert answered_before(run, writer, 2) is None  # an earlier version's, without the time
    path.write_text(json.dumps({**answers, "seconds": 4.0}), "utf-8")
    assert answered_before(run, writer, 2) == Answered(answers["responses"], [], 4.0)
    assert answered_before(run, writer, 3) is None


def test_exporting_again_has_no_budget(tmp_path: Path, small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    settings = [one for one in small if not one.startswith(("candidates=", "model.", "trainer.max"))]
    run = framework.run_recipe("sentiment", *settings, "candidates=[linear]", "budget=0.01s", folder=tmp_path / "run")
    from framework.__main__ import main

    capsys.readouterr()
    assert main(["export", str(run), "export=[onnx,onnx_int8]"]) == 0
    assert "budget leaves no time" not in capsys.readouterr().out


def test_a_frozen_encoder_reads_as_many_texts_as_fit_into_its_time(
    tmp_path: Path, small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # features that are there already take no time
    settings = [one for one in small if one.startswith(("data.", "model.name", "task."))]
    settings += ["candidates=[frozen]", "tracker=none", "export=[quick]"]
    run = framework.run_recipe("sentiment", *settings, "candidates.frozen.encode_minutes=1e-5", folder=tmp_path / "run")
    assert "training texts are" in capsys.readouterr().out
    facts = json.loads((run / "trials" / "frozen" / "fitted" / "fitted.json").read_text("utf-8"))["facts"]
    assert 3 <= facts["rows"] < 190
    with pytest.raises(framework.InputError, match="encode_minutes=0 is the time"):
        framework.run_recipe("sentiment", *settings, "candidates.frozen.encode_minutes=0", folder=tmp_path / "other")


def test_a_fit_that_reads_each_row_once_leaves_time_for_the_answers_to_come(tmp_path: Path) -> None:
    class Encoder:
        def seconds_to_answer(self, count: int, texts: list[str]) -> float:
            return count * 0.1

    from framework_text.preparing import without_answers

    left = without_answers(Budget(100.0, answers=300, beyond=10.0), cast(FrozenEncoder, Encoder()), [], slower=2.0)
    assert (49 < left.remaining() <= 50, left.answers) == (True, 0)
    unlimited = without_answers(Budget(answers=300), cast(FrozenEncoder, Encoder()), [])
    assert unlimited.remaining() == float("inf")


def test_the_speed_of_answers_is_that_of_all_rows_also_where_a_few_are_much_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = np.random.default_rng(0).lognormal(3.0, 1.5, 400).astype(int) + 1
    lengths[7] = 200_000  # which a model truncates
    now, answered = 0.0, 0

    class Padding:
        """A scheduler that runs 32 requests together, and takes a second for each of 128 characters, padding included."""

        def __init__(self, *others: object) -> None: ...

        def answer(self, requests: list[dict[str, str]]) -> None:
            nonlocal now, answered
            answered += len(requests)
            sizes = sorted(min(len(str(request)), 128) for request in requests)
            for batch in (sizes[i : i + 32] for i in range(0, len(sizes), 32)):
                now += len(batch) * batch[-1]

    requests = [{"text": "x" * length} for length in lengths]
    monkeypatch.setattr(remaining_time, "Scheduler", Padding)
    monkeypatch.setattr(remaining_time, "requests_of", lambda task, codec, rows: requests[: len(rows)])
    monkeypatch.setattr("time.perf_counter", lambda: now)
    opened = SimpleNamespace(graphs=[], codec=lambda: None, backend=lambda: None)
    table = Table({"text": ["" for _ in lengths]}, range(len(lengths)))
    speed = remaining_time.measure_speed(cast(AnyTask, None), cast(Opened, opened), table, 1.0)
    assert speed.row == pytest.approx(np.mean([min(len(str(request)), 128) for request in requests]), rel=0.15)
    assert answered == 1 + 4 * 16


def test_a_slow_encoder_reads_for_most_of_its_time_and_a_fast_one_leaves_time_for_many_labels() -> None:
    class Encoder(FrozenEncoder):
        def __init__(self, pace: float) -> None:
            self._measured, self.tuned = pace, True

    options, budget = FrozenFeatures(), Budget(100.0)
    seconds = options.seconds_for_reading(budget)
    slow = Encoder(50.0).texts_within(seconds, ["a"], options.seconds_after_reading(budget, 2))
    fast = Encoder(600.0).texts_within(seconds, ["a"], options.seconds_after_reading(budget, 150))
    assert slow == pytest.approx(90 * 50, rel=0.01)
    assert fast / 600 + fast * 150 * REGRESSIONS == pytest.approx(90, rel=0.01)
    assert FrozenFeatures(encode_minutes=1).seconds_after_reading(budget, 150) == 0  # which are for reading alone


def test_files_that_run_without_torch_come_first() -> None:
    """TorchScript needs no ONNX file, and INT8 does; yet INT8 is the one that a short time must last for."""
    given = exporters("onnx_int8", "onnx", "torchscript")
    assert [one.name for one in in_order(given)] == ["onnx", "onnx_int8", "torchscript"]


def test_no_time_is_kept_for_a_candidate_that_was_refused() -> None:
    trained = SimpleNamespace(role="model", bounded=False, stateful=False)
    run = SimpleNamespace(
        budget=Budget(1000.0),
        candidates=dict.fromkeys(["frozen", "contrastive", "fine_tuned"], trained),
        competing=["frozen", "contrastive", "fine_tuned"],
        config=SimpleNamespace(export=["onnx"]),
    )
    pending, refused = (
        budget_of_fit(cast(Run, run), "fine_tuned", trials, ROWS, 1.0).seconds or 0.0
        for trials in ({"frozen": NETWORK}, {"frozen": NETWORK, "contrastive": None})
    )
    assert refused - pending == pytest.approx(2 + 10, abs=0.1)  # to open it, and to answer the validation rows


def test_fine_tuning_is_left_out_where_its_head_or_its_validation_rows_take_the_budget() -> None:
    from framework_text.encoder.learning import plan_of
    from framework_text.options import FineTuning

    context: FitContext[Any, Any] = FitContext(
        None, FineTuning(minutes=None), Metric("accuracy"), 0, Path(), Path(), print, budget=Budget(5.0)
    )
    measured = ("eager", {"eager": 100.0})
    with pytest.raises(framework.InputError, match=r"and answering the validation rows take about 7 s .*, and 5 s are left"):
        plan_of(8000, 2, 100, context, lambda: measured)  # 6 s of them for the head
    with pytest.raises(framework.InputError, match=r"and answering the validation rows take about 19 s .*, and 5 s are left"):
        plan_of(200, 2, 3000, context, lambda: measured)  # 18 s of them for the validation rows
    assert plan_of(200, 2, 100, context, lambda: measured).rows == 200


@pytest.mark.parametrize(
    ("left", "part", "share"), [(200.0, 1 / 4, 60.0), (400.0, 1 / 4, 100.0), (50.0, 1 / 4, 50.0), (0.0, 1 / 4, 0.0)]
)
def test_a_fit_that_reads_each_row_once_gets_a_minute_of_a_short_budget(left: float, part: float, share: float) -> None:
    budget = _budget_of_bounded(Budget(left), ROWS, part)
    assert budget.remaining() == pytest.approx(share, abs=0.1)
    assert budget.beyond == pytest.approx(left - share, abs=0.1)
    assert budget.answers == 2 * 1000 + 2000
