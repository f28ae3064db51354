"""What an export takes of a run: the rows that files are judged on, and the memory that earlier steps held."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

import framework
from framework import Table
from framework.evaluation.opened import Opened
from framework.export.variants import STATEFUL_ROWS, rows_to_answer
from framework.plugins import AnyCandidate
from tests.plugins.test_summarization import small


def table(rows: int) -> Table:
    return Table({"text": [f"text {row}" for row in range(rows)]}, lines=range(rows))


def test_of_many_rows_some_at_random_are_answered_where_each_takes_many_runs() -> None:
    some = rows_to_answer(table(STATEFUL_ROWS + 50), 1, stateful=True)
    assert len(set(some.lines)) == STATEFUL_ROWS
    assert list(some.lines) == sorted(some.lines)
    assert list(some.lines) != list(range(STATEFUL_ROWS))
    assert rows_to_answer(table(STATEFUL_ROWS + 50), 1, stateful=True).lines == some.lines
    assert rows_to_answer(table(STATEFUL_ROWS + 50), 2, stateful=True).lines != some.lines
    assert len(rows_to_answer(table(STATEFUL_ROWS), 1, stateful=True)) == STATEFUL_ROWS
    assert len(rows_to_answer(table(STATEFUL_ROWS + 50), 1, stateful=False)) == STATEFUL_ROWS + 50


def test_a_model_is_held_once_when_it_is_exported_and_once_when_it_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fit left is opened anew, and a baseline may be as large as the model."""
    held: list[tuple[str, weakref.ref[Any]]] = []

    def opened(candidate: AnyCandidate, folder: Path) -> Opened:
        gc.collect()
        assert [name for name, module in held if module() is not None] == []
        result = Opened(candidate.name, candidate.title, folder, candidate.open(folder))
        held.extend((candidate.name, weakref.ref(graph.source)) for graph in result.graphs)
        return result

    monkeypatch.setattr(Opened, "of", opened)
    framework.run_recipe("summarization", *small(tmp_path), "trainer.max_steps=1", folder=tmp_path / "run")
    assert {name for name, _ in held} == {"writer", "untuned"}


def test_made_up_golden_examples_of_a_generator_keep_to_its_limits(tmp_path: Path) -> None:
    folder = framework.run_recipe(
        "summarization", *small(tmp_path), "trainer.max_steps=1", "artifact.golden=synthetic", folder=tmp_path / "run"
    )
    framework.load(folder).replay_golden()  # of 6 tokens at most, as `task.max_summary` says
