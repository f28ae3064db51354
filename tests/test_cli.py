"""What the command line says when there is nothing to run, and when something goes wrong that nobody foresaw."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from framework.__main__ import main
from framework.commands import listing


def test_alone_it_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "python -m framework recipe=sentiment" in capsys.readouterr().out


def test_a_wrong_verb_is_answered_with_the_verbs_and_the_recipe_it_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predct", "runs/x"]) == 2
    assert "no verb 'predct'; did you mean predict?" in capsys.readouterr().err
    assert main(["sentiment"]) == 2
    assert "to run a recipe write recipe=sentiment" in capsys.readouterr().err


def test_the_version_is_the_frameworks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"recipe-framework {version('recipe-framework')}\n"


def test_a_fault_is_one_message_unless_its_traceback_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault() -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(listing, "plugins", fault)
    assert main(["plugins"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ZeroDivisionError: a fault\n")
    assert "FRAMEWORK_DEBUG=1 shows where" in said
    monkeypatch.setenv("FRAMEWORK_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["plugins"])


def test_what_the_machine_refuses_is_an_error_of_the_environment(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run_folder / ("x" * 300)), "a text"]) == 1
    assert "File name too long" in capsys.readouterr().err
