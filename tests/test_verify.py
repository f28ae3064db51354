"""Verification finds a file that computes something else, and says where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.contracts.codec import Check
from framework.contracts.graph import Graph, State, Tensor, Tensors
from framework.errors import ParityError
from framework.export.parity import Parity, compare, compare_outputs, compare_shapes, run_checks, trace
from framework.report.privacy import LEFT_OUT, Disclosure
from framework.runtime.model import load_model
from framework.runtime.scheduler import Scheduler
from framework_text.tokenizer import same_tokens


class Shifted:
    """A backend that moves probability from the first class to the last, as a bad export might."""

    def __init__(self, backend: object, shift: float) -> None:
        self.backend, self.shift = backend, shift

    def run(self, graph: str, feeds: Tensors) -> Tensors:
        outputs: Tensors = self.backend.run(graph, feeds)  # type: ignore[attr-defined]
        moved = outputs["probabilities"].copy()
        moved[:, 0] -= self.shift
        moved[:, -1] += self.shift
        return {**outputs, "probabilities": moved}


REQUESTS = [{"text": f"the {word} flight"} for word in ("lovely", "awful", "blue", "rude", "great")]


def test_a_difference_beyond_tolerance_fails_with_the_rows(run_folder: Path) -> None:
    model = load_model(run_folder, "onnx")
    graphs, backend = model.artifact.graphs, model.scheduler.backend
    expected, found, near = (
        trace(Scheduler(model.codec, b, graphs), REQUESTS) for b in (backend, Shifted(backend, 2e-4), Shifted(backend, 2e-5))
    )
    with pytest.raises(ParityError, match=r"5 of 5 comparisons differ(.|\n)*the lovely flight(.|\n)*tolerance 1e-04"):
        compare(graphs, REQUESTS, expected, found).require("onnx")
    fine = compare(graphs, REQUESTS, expected, near)
    fine.require("onnx")
    assert 1e-5 < fine.largest < 3e-5


@pytest.mark.parametrize(
    ("disclosure", "shown"),
    [(Disclosure(), "row 1, {'text': 'the lovely flight of [handle]'}"), (Disclosure(texts=False), LEFT_OUT)],
)
def test_the_rows_shown_are_masked_or_left_out(run_folder: Path, disclosure: Disclosure, shown: str) -> None:
    model = load_model(run_folder, "onnx")
    graphs, backend = model.artifact.graphs, model.scheduler.backend
    requests = [{"text": "the lovely flight of @bob_smith"}]
    expected, found = (trace(Scheduler(model.codec, b, graphs), requests) for b in (backend, Shifted(backend, 0.4)))
    parity = compare(graphs, requests, expected, found, disclosure.value)
    never = Check("a check", lambda rows: [0])
    for fails in (lambda: parity.require("onnx"), lambda: run_checks([never], requests, disclosure.value)):
        with pytest.raises(ParityError) as error:
            fails()
        assert shown in str(error.value)
        assert "bob_smith" not in str(error.value)


def test_another_answer_counts_unless_the_model_was_at_a_tie() -> None:
    graph = Graph("g", (), (Tensor("p", "float32", ("batch", 2)),), {}, {"p": 1e-3}, decides="p")
    from framework.export.parity import Trace

    def traced(*rows: list[float]) -> Trace:
        return Trace([{}], [[("g", {"p": np.array(rows, dtype=np.float32)})]])

    tie = compare([graph], [{}], traced([0.5001, 0.4999]), traced([0.4999, 0.5001]))
    assert (tie.close_calls, tie.flips, tie.failures) == (1, 0, [])
    clear = compare([graph], [{}], traced([0.6, 0.4]), traced([0.4, 0.6]))
    assert (clear.close_calls, clear.flips) == (0, 1)
    with pytest.raises(ParityError, match=r"another answer although the model's margin is 0\.2"):
        clear.require("g")
    with pytest.raises(ParityError):
        compare([graph], [{}], traced([0.6, 0.4]), traced([float("nan"), 0.4])).require("g")


def test_states_without_a_scale_may_be_off_by_a_share_of_their_largest_value() -> None:
    graph = Graph("g", (), (Tensor("new", "float32", ("batch", 2)),), {}, {"new": 1e-3}, unscaled=("new",))
    large, small = np.array([[80.0, 1.0]]), np.array([[0.8, 0.01]])
    parity = Parity()
    compare_outputs(parity, graph, "here", {"new": large}, {"new": large + 4e-3})
    assert (parity.failures, round(parity.largest, 7)) == ([], 5e-5)
    compare_outputs(parity, graph, "here", {"new": large}, {"new": large + 0.1})
    compare_outputs(parity, graph, "here", {"new": small}, {"new": small + 4e-3})
    assert len(parity.failures) == 2


def test_a_state_and_what_is_appended_to_it_are_no_longer_than_the_state_may_become() -> None:
    seen: list[tuple[int, int]] = []

    class Alike:
        def run(self, graph: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"new": feeds["ids"]}

    def example(sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
        seen.append((sizes["past"], sizes["sequence"]))
        return {"ids": np.zeros((sizes["batch"], sizes["sequence"]))}

    past, new = ("batch", "past"), ("batch", "sequence")
    graph = Graph(
        "g",
        (Tensor("ids", "float32", new), Tensor("cache", "float32", past), Tensor("mask", "float32", past)),
        (Tensor("new", "float32", new),),
        {"sequence": (1, 50), "past": (0, 50)},
        {"new": 1e-3},
        state=(State("cache", "mask", "new"),),
        example=example,
    )
    compare_shapes(Parity(), [graph], Alike(), Alike())
    assert {(0, 50), (49, 1), (0, 1), (37, 13), (12, 13)} <= set(seen)
    assert all(past + new <= 50 for past, new in seen)


def test_a_tokenizer_that_differs_is_found(run_folder: Path) -> None:
    from transformers import AutoTokenizer

    reference = AutoTokenizer.from_pretrained(run_folder / "torch")
    codec: Any = load_model(run_folder).codec
    check = same_tokens(reference, 32, codec.token_ids, "text")
    assert run_checks([check], REQUESTS) == ["token ids equal transformers' tokenizer (5 rows)"]
    codec.tokenizer.enable_truncation(3)
    with pytest.raises(ParityError, match="not so on 5 of 5 rows"):
        run_checks([check], REQUESTS)
