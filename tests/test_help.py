"""What ``--help`` shows works as it is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from framework.__main__ import main
from tests.help_examples import examples, words
from tests.registered import registry_of_two
from tests.server.serving import serving
from tests.tiny import rows, write_csv

REGISTRY = ("compare", "register", "promote", "rollback", "registry")
STOPPED = "runs/sentiment/2026-11-24T10-31-07"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_folder: Path, model_folder: Path) -> Path:
    """A folder as the examples take it for granted."""
    monkeypatch.chdir(tmp_path)
    twice = [(text, label, text, label) for text, label in rows(60)]
    for name in ("reviews.csv", "labelled.csv"):
        write_csv(tmp_path / name, twice, ("text", "label", "body", "stars"))
    (tmp_path / "test.jsonl").write_text("".join(f'{{"text": "{t} now", "label": "{label}"}}\n' for t, label in rows(30)))
    shutil.copytree(model_folder, tmp_path / "my-bert")
    (tmp_path / "secret").write_text("a key that nobody guesses\n")
    for name in ("sentiment", "topics"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        shutil.copytree(run_folder, tmp_path / "runs" / name / "first")
        (tmp_path / "runs" / name / "latest").symlink_to("first")
    registry_of_two(run_folder / "artifact", tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", examples("check", "evaluate", "export", *REGISTRY))
def test_the_example_works(example: str, place: Path, small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    given = words(example)
    if given[0] == "check":
        shown = {word.partition("=")[0] for word in given}
        given += [setting for setting in small if setting.partition("=")[0] not in shown - {"model.name"}]
    allowed = (
        (0, 3) if "--min" in given or "--min-gain" in example else (0,)
    )  # what a tiny model reaches is not the example's fault
    assert main(given) in allowed, capfd.readouterr()


@pytest.mark.parametrize("example", examples("resume"))
def test_the_example_of_resume_goes_on_with_a_run(example: str, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = Path(shutil.copytree(place / "runs" / "sentiment" / "first", place / STOPPED))
    shutil.rmtree(run / "artifact")
    state = run / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text("utf-8")) | {"finished": False}), encoding="utf-8")
    assert main(words(example)) == 0, capfd.readouterr()
    assert (run / "artifact" / "manifest.json").is_file()


@pytest.mark.parametrize("example", examples("serve"))
def test_the_example_of_serve_answers(example: str, place: Path) -> None:
    given = words(example, **{"/run/secrets/key": "secret", "8080": "0", "0.0.0.0": "127.0.0.1"})
    if "--dockerfile" in given:
        assert main(given) == 0
        assert (place / "Dockerfile").is_file()
        return
    if "--uds" in given:
        pytest.skip("a socket file and a proxy's prefix are served in tests/server/test_http.py")
    with serving(place / "served", *given[1:]) as server:
        assert server.predict("what a lovely flight").status_code == (401 if "--key-file" in given else 200)


def test_models_may_be_named_between_the_options_of_serve(place: Path) -> None:
    with serving(place / "served", "tone=runs/sentiment/latest", "--workers", "1", "topics=runs/topics/latest") as server:
        assert {model["name"] for model in server.get("/v1/models").json()["models"]} == {"tone", "topics"}


def test_flags_of_a_run_may_stand_anywhere(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cfg", "job", "recipe=sentiment", "-p", "data", "data.train=reviews.csv"]) == 0
    assert "train: reviews.csv" in capsys.readouterr().out
