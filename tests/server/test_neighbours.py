"""An input on which the graph itself fails, beside others that share its run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import framework
from framework.errors import FrameworkError
from framework.runtime.model import load_model
from tests.server.serving import Serving, serving
from tests.server.test_swap import reseal

GOOD, BAD = "the lovely flight", "the lovely zeppelin"


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory, quick_run: Path) -> Path:
    """An artifact whose tokenizer has a word beyond the embeddings: the graph's Gather fails where it is read."""
    folder = Path(shutil.copytree(quick_run / "artifact", tmp_path_factory.mktemp("frail") / "artifact"))
    file = next(folder.rglob("tokenizer.json"))
    tokenizer = json.loads(file.read_text("utf-8"))
    tokenizer["model"]["vocab"]["zeppelin"] = 100_000
    file.write_text(json.dumps(tokenizer), encoding="utf-8")
    reseal(folder)
    return folder


@pytest.fixture(scope="module")
def frail_server(tmp_path_factory: pytest.TempPathFactory, frail: Path) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("served"), frail, "--threads", "1", "--max-wait-ms", "50") as running:
        yield running


def test_requests_that_shared_a_run_with_a_bad_one_are_answered(frail_server: Serving) -> None:
    texts = [GOOD, GOOD, BAD, GOOD] * 8
    with ThreadPoolExecutor(len(texts)) as pool:
        answers = list(pool.map(frail_server.predict, texts))
    assert [answer.status_code for answer in answers] == [500 if text == BAD else 200 for text in texts]
    assert frail_server.logged(event="a run failed; its inputs run one by one")["inputs"] > 1


def test_the_bad_one_of_a_request_is_named(frail_server: Serving) -> None:
    refused = frail_server.predict(GOOD, BAD, GOOD)
    assert (refused.status_code, "at input 2" in refused.json()["error"]) == (500, True)
    assert frail_server.predict(GOOD, GOOD).status_code == 200


def test_predict_names_the_request_on_which_the_model_cannot_be_run(frail: Path) -> None:
    model = load_model(frail)
    with pytest.raises(FrameworkError, match=r"^request 3: the model cannot be run on it: .*Gather"):
        model.predict([GOOD, GOOD, BAD, GOOD])
    with pytest.raises(FrameworkError, match=r"^request 1026: "):
        model.predict([*[GOOD] * 1025, BAD])
    assert model.predict([GOOD]) == framework.load(frail).predict([GOOD])
