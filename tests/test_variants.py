"""What an export takes of a run: the rows that files are judged on, and the memory that earlier steps held."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import framework
from framework import Fitted, Table
from framework.export.variants import WRITTEN, Variants, export_and_verify, rows_to_answer
from framework.run.fitting import fit_candidates
from framework.runtime.model import Model, load_model
from tests.plugins.test_summarization import small
from tests.test_state import GRAPH


def table(rows: int) -> Table:
    return Table({"text": [f"text {row}" for row in range(rows)]}, lines=range(rows))


def test_of_many_rows_some_at_random_are_answered_where_each_takes_many_runs() -> None:
    stepping, plain = Fitted(graphs=(GRAPH,)), Fitted()
    some = rows_to_answer(table(WRITTEN + 50), stepping, seed=1)
    assert len(set(some.lines)) == WRITTEN
    assert list(some.lines) == sorted(some.lines)
    assert list(some.lines) != list(range(WRITTEN))
    assert rows_to_answer(table(WRITTEN + 50), stepping, seed=1).lines == some.lines
    assert rows_to_answer(table(WRITTEN + 50), stepping, seed=2).lines != some.lines
    assert len(rows_to_answer(table(WRITTEN), stepping, seed=1)) == WRITTEN
    assert len(rows_to_answer(table(WRITTEN + 50), plain, seed=1)) == WRITTEN + 50


def test_a_model_is_held_once_when_it_is_exported_and_once_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline may be as large as the model, and so is what runs a file."""
    held: dict[str, weakref.ref[Any]] = {}

    def fitted(*given: Any) -> dict[str, Fitted]:
        found: Mapping[str, Fitted] = fit_candidates(*given)
        held["baseline"] = weakref.ref(found["backbone before fine-tuning"].graphs[0].module)
        return dict(found)

    def exported(*given: Any) -> Variants:
        gc.collect()
        assert held["baseline"]() is None
        found = export_and_verify(*given)
        held["file"] = weakref.ref(found.all[0].backend)
        return found

    def opened(*given: Any) -> Model:
        gc.collect()
        assert held["file"]() is None
        return load_model(*given)

    monkeypatch.setattr("framework.run.pipeline.fit_candidates", fitted)
    monkeypatch.setattr("framework.run.pipeline.export_and_verify", exported)
    monkeypatch.setattr("framework.run.sealing.load_model", opened)
    framework.run_recipe("summarization", *small(tmp_path), "trainer.max_steps=1", folder=tmp_path / "run")
    assert held.keys() == {"baseline", "file"}


def test_made_up_golden_examples_of_a_generator_keep_to_its_limits(tmp_path: Path) -> None:
    folder = framework.run_recipe(
        "summarization", *small(tmp_path), "trainer.max_steps=1", "artifact.golden=synthetic", folder=tmp_path / "run"
    )
    framework.load(folder).replay_golden()  # of 6 tokens at most, as `task.max_summary` says
