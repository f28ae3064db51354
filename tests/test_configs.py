"""A recipe is checked before anything heavy is imported, and everything wrong with it is said at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from framework.__main__ import main
from framework.errors import InputError
from framework.recipe.compose import compose_recipe, for_compose
from framework.recipe.schema import OWN_TRAINER_ARGUMENTS, trainer_schema
from tests.tiny import recommends


def refused(*overrides: str, recipe: str = "sentiment") -> str:
    with pytest.raises(InputError) as error:
        compose_recipe(recipe, list(overrides))
    assert error.value.exit_code == 2
    return str(error.value)


def test_the_trainer_section_has_every_argument_of_the_trainer_with_its_default() -> None:
    import inspect

    from pytorch_lightning import Trainer

    known = inspect.signature(Trainer).parameters
    section = OmegaConf.structured(trainer_schema())
    assert set(section) == set(known) - OWN_TRAINER_ARGUMENTS
    assert all(section[name] == known[name].default for name in section)


@pytest.mark.parametrize(
    "override",
    ["trainer.max_epochs=3", "trainer.precision=32-true", "trainer.precision=32", "trainer.devices=2", "trainer.devices=[0,1]",
     "trainer.limit_train_batches=0.5", "trainer.max_time={hours: 1}", "trainer.deterministic=warn", "trainer.logger=false"],
)  # fmt: skip
def test_trainer_arguments_work_by_their_own_names(override: str) -> None:
    compose_recipe("sentiment", [override])


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    assert refused(recipe="sentimant").startswith("no recipe 'sentimant'; did you mean sentiment?")


def test_no_recipe_is_answered_with_those_there_are() -> None:
    assert refused(recipe="null").startswith("no recipe: write recipe=NAME; available: auto, dialogue, entities, generation, ")


def test_all_problems_are_said_together() -> None:
    said = refused("trainer.max_epoch=3", "trainer.max_steps=many", "model.learning_rat=1", "dta.train=x")
    assert "no key 'trainer.max_epoch'; did you mean trainer.max_epochs?" in said
    assert "trainer.max_steps=many: write a whole number, or null; it is -1 now" in said
    assert "no key 'model.learning_rat'; did you mean model.learning_rate?" in said
    assert "no key 'dta.train'" in said


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task=clasification", "no task 'clasification'; did you mean classification?"),
        ("data=tweet", "no data 'tweet'; did you mean tweets?"),
        ("export=[onnx,onix]", "no export 'onix'; did you mean onnx?"),
        ("model.learning_rate=-1", "model.learning_rate=-1.0 must lie between 0 and 1"),
        ("model.batch_size=0", "model.batch_size=0 must be at least 1"),
        ("model.name=./nowhere", "model.name=./nowhere: no such folder"),
        ("data.test=mine.csv", "data.test=mine.csv goes with data.train=FILE"),
        ("data.text=body", "data.text=body goes with data.train=FILE"),
        ("model.sha256=abc", "model.sha256=abc goes with model.name="),
        ("artifact.golden=synthetc", "artifact.golden=synthetc: write one of rows, synthetic; it is rows now"),
        ("report.personal_data=hide", "report.personal_data=hide: write one of mask, keep"),
        ("report.texts=some", "report.texts=some: write true or false; it is true now"),
        ("report.hourly_price=-1", "report.hourly_price=-1.0 is what an hour of this machine costs: a number from 0"),
        ("report.hourly_price=nan", "report.hourly_price=nan is what an hour"),
        ("report.hourly_price=cheap", "report.hourly_price=cheap: write a number, or null; it is null now"),
        ("report.text=false", "no key 'report.text'; did you mean report.texts?"),
        ("seed=abc", "seed=abc: write a whole number; it is 42 now"),
        ("seed=-1", "seed=-1 must lie between 0"),
        ("data.limit_rows=0", "data.limit_rows=0 must be at least 1"),
        ("data.test_rows=0", "data.test_rows=0 must be at least 1"),
        ("data.test_fraction=1.5", "must be above 0 and together below 1"),
        ("data.train=/", "data.train: / is a folder; name a file in it, /*."),
        ("task.max_length=1", "task.max_length=1 must lie between 3 and 512"),
        ("task.labels=[a,a]", "must be two or more different labels"),
        ("+foo=1", "foo"),
        ("data.train=[unclosed", "no file matches [unclosed"),
        ("task.labels=yes", "task.labels=yes: write a list of texts, [a,b], or null; it is null now"),
        ("data.label=[1,2]", "data.label=[1,2] goes with data.train=FILE"),
        ("model.source=3", "backbone.source=3: it is a section: write backbone.source.NAME=VALUE"),
        ("model.learning_rate=1e-3,1e-4", "asks for a run for each value: add -m"),
        ("trainer.gradient_clip_val=高", "in quotes the value is a text as it stands: trainer.gradient_clip_val='\"高\"'"),
    ],
)
def test_wrong_values_are_refused(override: str, message: str) -> None:
    assert message in refused(override)


@pytest.mark.parametrize("typo", ["trainer:\n  max_epoch: 3", "trianer:\n  max_epochs: 3", "seeed: 7"])
def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typo: str) -> None:
    recipe = tmp_path / "recipes" / "recipe" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(f"# @package _global_\ndefaults:\n  - override /task: classification\n  - _self_\n{typo}\n")
    monkeypatch.chdir(tmp_path)
    assert re.search("max_epoch'|trianer|seeed", refused(recipe="mine"))


def test_the_users_own_recipes_come_first_and_what_they_hide_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipes" / "recipe" / "sentiment.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(
        "# @package _global_\n# mine\ndefaults:\n  - override /task: classification\n  - override /export: [onnx]\n"
        "  - override /model: minilm\n  - override /data: tweets\nseed: 7\n"
    )
    monkeypatch.chdir(tmp_path)
    assert compose_recipe("sentiment", []).seed == 7
    assert main(["recipes"]) == 0
    assert f"{recipe} hides " in capsys.readouterr().out


def backbone(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def test_a_family_that_does_not_fit_is_answered_with_those_that_do(tmp_path: Path) -> None:
    folder = backbone(
        tmp_path / "t5", config__json=json.dumps({"model_type": "t5"}), tokenizer__json="{}", model__safetensors=""
    )
    assert "is a t5 model; accepted: albert, bert, camembert" in refused(f"model.name={folder}")


def test_a_folder_with_a_pickle_and_without_tokenizer_is_refused_for_both(tmp_path: Path) -> None:
    folder = backbone(tmp_path / "old", config__json=json.dumps({"model_type": "bert"}), pytorch_model__bin="")
    said = refused(f"model.name={folder}")
    assert "has no tokenizer (tokenizer.json)" in said
    assert "only pytorch_model.bin, a pickle, which can run code when read; it needs model.safetensors" in said


@pytest.mark.parametrize(
    ("overrides", "rows"),
    [
        ([], 20_000),
        (["budget=1m"], 1000),
        (["budget=4m"], 1200),
        (["budget=2h"], 20_000),
        (["budget=1m", "budget=10m"], 3000),
        (["budget=4m", "data.held_out_rows=50"], 50),
        (["budget=4m", "data.held_out_rows=null"], None),
    ],
)
def test_a_budget_limits_the_rows_held_out_where_nobody_says_otherwise(overrides: list[str], rows: int | None) -> None:
    assert compose_recipe("sentiment", overrides).data.held_out_rows == rows


def test_a_sweep_over_budgets_limits_no_rows() -> None:
    assert not [one for one in for_compose(["recipe=sentiment", "budget=1m,4m"], sweeps=True) if "held_out_rows" in one]
    assert "data.held_out_rows=1200" in for_compose(["recipe=sentiment", "budget=4m", "seed=1,2"], sweeps=True)


def test_a_budget_changes_no_limit_of_a_recipe_and_none_of_a_task_that_splits_its_rows(tmp_path: Path) -> None:
    assert compose_recipe("summarization", ["budget=1m"]).data.held_out_rows == 300
    assert compose_recipe("recommendation", [*recommends(tmp_path), "budget=1m"]).data.held_out_rows == 20_000


def test_composing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from framework.recipe.compose import compose_recipe; "
        "compose_recipe('sentiment', ['trainer.max_epochs=3']);"
        "assert not {'torch', 'transformers', 'pytorch_lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
