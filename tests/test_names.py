"""Names of files, columns and models stand on a command line as they are, and quoting for Hydra is needed by none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import framework
from framework import InputError
from framework.__main__ import main
from framework.recipe.compose import compose_recipe, compose_run, recompose
from tests.tiny import rows, write_csv

NAMES = [
    "評論 (1)", "très bien", "l'avis", 'a "b" c', "x=y", "#1", "~x", "${HOME}", "\\${x}", "$x{y}", "@a", "007", "+1", "-1.5",
    "null.", "Null", "true", "1e3", "[final] x", "{a}", "a,b", "a:b", "a\\b", " both ends ", "100%", "a;b|c&d!", "`x`",
    "choice(1)",
]  # fmt: skip
KEYS = ("data.train", "data.test", "data.label", "data.text", "data.licence", "model.licence", "+data.description")
IN_CONFIG = [key.replace("model.", "backbone.").lstrip("+") for key in KEYS]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("shift", range(0, len(NAMES), len(KEYS)))
def test_a_name_is_taken_as_it_is_written(here: Path, model_folder: Path, shift: int) -> None:
    names = NAMES[shift : shift + len(KEYS)]
    for name in names:
        (here / name).touch()
    config = compose_recipe(
        "sentiment",
        [f"model.name={model_folder}", "task.max_length=9", *(f"{key}={name}" for key, name in zip(KEYS, names, strict=True))],
    )
    assert [OmegaConf.select(config, key) for key in IN_CONFIG] == names


def test_lists_globs_quotes_and_no_value_mean_what_they_meant(here: Path, model_folder: Path) -> None:
    for name in ("a.csv", "b [1].csv", "c,d.csv"):
        (here / name).touch()
    model = [f"model.name={model_folder}", "task.max_length=9"]
    given = ["data.train=[a.csv, b [1].csv,'c,d.csv']", "data.test=*.csv", "data.label=null", "data.text='my text'"]
    data = compose_recipe("sentiment", [*model, *given]).data
    assert (data.train, data.test, data.label, data.text) == (["a.csv", "b [1].csv", "c,d.csv"], "*.csv", None, "my text")
    (here / "[a.csv,b.csv]").touch()
    assert compose_recipe("sentiment", [*model, "data.train=[a.csv,b.csv]"]).data.train == "[a.csv,b.csv]"
    assert compose_recipe("sentiment", ["task.labels=[yes,no,01,c'est (1)]"]).task.labels == ["yes", "no", "01", "c'est (1)"]


def test_a_file_with_a_comma_that_is_not_there_is_answered_with_how_a_list_is_written() -> None:
    with pytest.raises(InputError, match=r"no file a.csv,b.csv; several files are a list: \[a.csv,b.csv\]"):
        compose_recipe("sentiment", ["data.train=a.csv,b.csv"])


def test_a_sweep_over_names_parts_them_at_commas_outside_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["recipe=sentiment", "-m", "seed=1,2", "hydra.sweep.dir=out (1)"]
    assert main([*given, "data.train='no, (1).csv',評.csv"]) == 2
    assert "data.train: no file no, (1).csv" in capsys.readouterr().err
    assert main([*given, "data.train=評.csv,x.csv"]) == 2
    assert "data.train: no file 評.csv" in capsys.readouterr().err


def test_several_values_without_a_sweep_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["recipe=sentiment"], ["check", "recipe=sentiment"]):
        assert main([*command, "seed=1,2"]) == 2
        assert "seed=1,2: this asks for a run for each value: add -m" in capsys.readouterr().err


def test_odd_names_go_through_a_run_its_export_evaluate_and_check(
    here: Path, small: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ("texte [1], ${x}", "étiquette = #~")
    file, folder = write_csv(here / "評論 ${a} (1),=.csv", rows(90), columns), here / "runs (é)" / "${no}"
    own = [setting for setting in small if not setting.startswith(("data.train", "trainer.max_epochs"))]
    given = [f"data.train={file.name}", f"data.text={columns[0]}", f"data.label={columns[1]}", *own, "trainer.max_steps=1"]
    assert main(["check", "recipe=sentiment", *given]) == 0
    assert columns[1] in capsys.readouterr().out
    run = framework.run_recipe("sentiment", *given, "export=[quick]", folder=folder)
    sealed = json.loads((run / "artifact" / "manifest.json").read_text("utf-8"))["data"]
    assert (sealed["source"], sealed["columns"]) == (file.name, {"text": columns[0], "label": columns[1]})
    assert recompose(run / "config.yaml").data.train == file.name
    assert main(["export", str(run), "artifact.golden=synthetic"]) == 0
    assert main(["evaluate", str(run), file.name]) == 0


def test_where_a_run_goes_can_be_said_in_both_ways_from_python(here: Path) -> None:
    (here / "runs").mkdir()
    assert compose_run("sentiment", ["hydra.run.dir=out/評 (1)/${now:%Y}"])[1].parent == Path("out/評 (1)")
    assert compose_run("sentiment", [])[1].parent == Path("runs/sentiment")
    for given in (["hydra.sweep.dir=x"], ["hydra.run.dir=a", "hydra.job.chdir=true"]):
        with pytest.raises(InputError, match="is for the command line: write folder=PATH"):
            framework.run_recipe("sentiment", *given)
    with pytest.raises(InputError, match=r"hydra\.run\.dir=a is for the command line: write folder=PATH"):
        framework.run_recipe("sentiment", "hydra.run.dir=a", folder="b")
