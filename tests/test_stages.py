"""A run of each kind of candidate that is killed in every stage goes on after the last that it finished, and ships."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forked
from tests.test_run import report
from tests.tiny import LENGTH, WORDS

EVERY = set(WORDS)  # of few rows a network that does not learn, or no text at all, tells little
CHECKPOINT = "trials/fine_tuned/checkpoints/last.ckpt"
# What ends a stage: these stay as they are in every later process.
ENDS = (
    "data/*",
    "trials/*/trial.json",
    "trials/*/checkpoints/trained.json",
    "export/*/export.json",
    "evaluation.json",
    "artifact/*",
)


@dataclass(frozen=True)
class KillAt:
    """Ends its process as a power cut would, when a file or folder is about to take its name, the first time or a later."""

    name: str
    time: int = 1

    def __call__(self) -> None:
        times = 0

        def look(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal times
            if event == "os.rename" and str(arguments[1]).endswith(f"/{self.name}"):
                times += 1
                if times == self.time:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)


def stages(candidate: str) -> list[KillAt]:
    """A process each: what it makes last before it is killed."""
    training = [KillAt(CHECKPOINT, 2), KillAt("checkpoints/trained.json")] if candidate == "fine_tuned" else []
    return [
        KillAt("data"), *training, KillAt(f"trials/{candidate}/fitted"), KillAt(f"trials/{candidate}/trial.json"),
        KillAt("selection.json"), KillAt(f"export/{candidate}"), KillAt(f"sections/export-{candidate}.json"),
        KillAt("selection.json"), KillAt("evaluation.json"), KillAt("artifact"), KillAt("latest"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def overrides(small: list[str], model_folder: Path, csv_file: Path) -> dict[str, list[str]]:
    """By candidate: it alone competes, and wins."""
    least = [f"data.train={csv_file}", "trainer.enable_progress_bar=false", "export=[quick]"]
    return {
        "majority": [*least, "candidates=[majority]"],
        "linear": [*least, "candidates=[linear]"],
        "frozen": [*least, "candidates=[frozen]", f"model.name={model_folder}", f"task.max_length={LENGTH}"],
        "fine_tuned": [*small, "export=[quick]"],
    }


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, overrides: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one candidate that nothing stopped; its folder has the candidate's name."""
    folder = tmp_path_factory.mktemp("whole")
    done = forked.run(folder, "recipe=sentiment", *overrides[request.param], f"hydra.run.dir={request.param}")
    assert done.returncode == 0, done.stderr
    return folder / str(request.param)


def ended(run: Path) -> dict[Path, int]:
    """When the stages that are done left their files."""
    files = [path for pattern in ENDS for path in run.glob(pattern) if "unfinished" not in str(path)]
    if (run / "selection.json").is_file() and json.loads((run / "selection.json").read_text("utf-8"))["winner"]:
        files.append(run / "selection.json")
    return {path: path.stat().st_mtime_ns for path in files}


def shown(run: Path) -> list[str]:
    sections = report(run)["sections"]
    assert isinstance(sections, list)
    return [section["title"] for section in sections]


def answers_alone(run: Path) -> str:
    """The label that the artifact gives a text, where what trained it cannot be imported."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('torch', 'transformers', 'pytorch_lightning', 'sklearn'));"
        "import framework; print(framework.load(sys.argv[1]).predict(['the lovely flight'])[0]['label'])"
    )
    done = subprocess.run([sys.executable, "-c", code, run], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def killed(folder: Path, words: Sequence[str], at: KillAt) -> None:
    process = forked.start(folder, *words, before=at)
    out, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, (at, out, err)


@pytest.mark.parametrize("whole", ["majority", "linear", "fine_tuned"], indirect=True)
def test_killed_in_every_stage_it_ends_as_a_run_that_was_not(
    tmp_path: Path, overrides: dict[str, list[str]], whole: Path
) -> None:
    run = tmp_path / "run"
    words, before = ["recipe=sentiment", *overrides[whole.name], f"hydra.run.dir={run}"], dict[Path, int]()
    for at in stages(whole.name):
        killed(tmp_path, words, at)
        after = ended(run)
        assert {path: after.get(path) for path in before} == before, at
        words, before = ["resume", str(run)], after
    done = forked.run(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert {path: time for path, time in before.items() if "export" not in path.parts}.items() <= ended(run).items()
    assert report(run)["metrics"] == report(whole)["metrics"]
    assert shown(run) == shown(whole)
    assert (run.parent / "latest").resolve() == run
    assert not [*run.rglob(".*-unfinished"), *run.glob("export")]
    assert answers_alone(run) == answers_alone(whole)


@pytest.mark.parametrize("whole", ["majority", "linear", "frozen", "fine_tuned"], indirect=True)
def test_whoever_wins_ships_and_answers_without_what_trained_it(whole: Path) -> None:
    assert report(whole)["candidate"] == whole.name
    assert answers_alone(whole) in {"majority": EVERY, "frozen": EVERY}.get(whole.name, {"positive"})
