"""The recommendation task: the conformance kit, whole runs, and what may be asked of what they leave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import framework
from framework import InputError
from framework.runtime.model import Model
from framework.testing import TaskConformance
from tests.tiny import THINGS, recommends, write_csv

ALL = {*(f"positive-{i}" for i in range(len(THINGS))), *(f"negative-{i}" for i in range(len(THINGS)))}


class TestConformance(TaskConformance):
    """By heart: what somebody took is what is recommended, where that is allowed.

    Six of a half's twelve items are relevant: knowing the halves alone gives an ndcg of about 0.5. SASRec learns what comes
    next, not what there was, and does not reach 1.
    """

    recipe = "recommendation"
    learned: ClassVar[float] = 0.7
    overfit: ClassVar[list[str]] = ["trainer.max_epochs=60", "task.repeats=true", "data.limit_rows=96"]

    def overrides(self, folder: Path) -> list[str]:
        return [*recommends(folder, "sasrec"), "model.dimensions=16"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recommendation")
    return framework.run_recipe("recommendation", *recommends(folder), "export=[onnx,torchscript]", folder=folder / "run")


@pytest.fixture(scope="module")
def model(finished: Path) -> Model:
    return framework.load(finished)


def ids(response: dict[str, Any]) -> list[str]:
    return [item["item"] for item in response["items"]]


def test_a_run_leaves_an_artifact_that_ranks_as_the_model_does(model: Model) -> None:
    manifest = model.manifest
    assert set(manifest.evaluation.candidates) == {"popularity", "item_knn", "ease"}
    metrics = manifest.evaluation.candidates["ease"]
    assert metrics["ndcg@10"] > manifest.evaluation.candidates["popularity"]["ndcg@10"]
    assert {"recall@10", "mrr@10", "hit_rate@10", "coverage@10", "novelty@10"} <= metrics.keys()
    for variant in ("onnx", "torchscript"):
        parity = manifest.variants[variant].parity
        assert parity is not None
        assert parity.rows >= 40
        assert parity.shapes > 40
        assert parity.argmax_flips == 0
    assert manifest.evaluation.protocol.startswith("protocol: leave one out: the last item of each user by time")
    assert {graph.name for graph in manifest.graphs} == {"recommender", "item_text"}


def test_a_history_is_answered_with_what_goes_with_it_and_nothing_of_it(model: Model) -> None:
    history = ["positive-1", "positive-2", "positive-3"]
    [answer] = model.predict([{"history": history, "k": 5}])
    assert len(ids(answer)) == 5
    assert all(item.startswith("positive") and item not in history for item in ids(answer))
    assert answer["path"] == "history"
    assert answer["unknown"] == []
    assert answer["items"][0]["title"].startswith("the ")
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_each_answer_says_what_it_rests_on(model: Model) -> None:
    known, nobody, alike, nothing = model.predict(
        ["u000", "somebody else", {"attributes": {"gender": "M"}, "k": 5}, {"history": []}]
    )
    assert (known["path"], known["known_user"]) == ("user", True)
    assert all(item.startswith("positive") for item in ids(known)[:3])
    assert (nobody["path"], nobody["known_user"]) == ("popularity", False)
    assert alike["path"] == "attributes"
    assert all(item.startswith("negative") for item in ids(alike))  # what men take here
    assert nothing["path"] == "popularity"
    assert ids(nothing) == ids(nobody)


def test_a_known_user_is_not_offered_what_was_held_out_to_judge_by(finished: Path, model: Model) -> None:
    """The newest items of everybody are the test of the run; who uses the artifact has them already."""
    rows = (finished / "config.yaml").read_text("utf-8")
    log = Path(next(line.split("train: ")[1] for line in rows.splitlines() if "train: " in line))
    taken = [line.split(",")[1] for line in log.read_text("utf-8").splitlines() if line.startswith("u000,")]
    [answer] = model.predict([{"user": "u000", "k": 100}])
    assert len(taken) == 8
    assert set(ids(answer)) == ALL - set(taken)


def test_unknown_items_are_reported(model: Model) -> None:
    one, two = model.predict([{"history": ["positive-1", "no such item"]}, {"history": ["x"], "exclude": ["y"]}])
    assert (one["unknown"], one["path"]) == (["no such item"], "history")
    assert (two["unknown"], two["path"]) == (["x", "y"], "popularity")


def test_a_filter_lets_through_what_it_names_and_may_leave_nothing(model: Model) -> None:
    history = ["positive-1", "positive-2"]
    [one, years, excluded] = model.predict(
        [
            {"history": history, "filter": {"kind": "negative"}, "k": 50},
            {"history": history, "filter": {"kind": "negative", "year": ["2003", "2004"]}},
            {"history": history, "filter": {"kind": "positive", "year": "2001"}},
        ]
    )
    assert set(ids(one)) == {item for item in ALL if item.startswith("negative")}
    assert set(ids(years)) == {"negative-3", "negative-4"}
    assert (ids(excluded), excluded["path"]) == ([], "history")  # the only one was taken


def test_more_than_the_catalogue_has_is_all_of_it(model: Model) -> None:
    [answer] = model.predict([{"history": ["positive-1"], "exclude": ["negative-1"], "k": 1000}])
    assert set(ids(answer)) == ALL - {"positive-1", "negative-1"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"k": 0}, "k is how many items are wanted, 1 to 1,000, not 0"),
        ({"k": True}, "k is how many items"),
        ({"k": 1001}, "k is how many items"),
        ({"history": "[1"}, "history: not JSON"),
        ({"history": {"a": 1}}, "history is a list of item ids"),
        ({"history": [1.5]}, "an id is a text or a whole number"),
        ({"history": ["x"] * 10_001}, "history has 10,001 items where 10,000 are allowed"),
        ({"filter": {"colour": "red"}}, "filter: no column 'colour'; columns: kind, year"),
        ({"filter": {"kind": "positiv"}}, "no item has kind 'positiv'; did you mean positive"),
        ({"filter": {"kind": []}}, "kind needs a text or a list of texts"),
        ({"filter": 3}, "filter is an object"),
        ({"attributes": {"shoe": "42"}}, "attributes: no 'shoe'"),
        ({"users": "u000"}, "unknown key 'users'; did you mean user"),
        (["u000"], "a request is a user id or an object"),
        (1.5, "a request is a user id or an object"),
    ],
)
def test_what_cannot_be_asked_is_refused(model: Model, request_: Any, message: str) -> None:
    with pytest.raises(InputError, match=r"request 1: ") as refusal:
        model.predict([request_])
    assert message in str(refusal.value)


def test_answers_are_the_same_alone_and_together(model: Model) -> None:
    requests = [{"history": ["positive-1"] * n + ["negative-2"], "k": n + 1} for n in range(8)]
    requests += [{"user": "u001"}, {"attributes": {"gender": "F", "age": 30}}, {"filter": {"year": "2002"}}]
    together = model.predict(requests)
    alone = [model.predict([request])[0] for request in requests]
    assert [ids(answer) for answer in together] == [ids(answer) for answer in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose([i["score"] for i in one["items"]], [i["score"] for i in other["items"]], atol=1e-5)


def test_answers_equal_a_ranking_by_hand(finished: Path, model: Model) -> None:
    """EASE's weights as they were saved, summed over the history, what was taken left out."""
    from safetensors.numpy import load_file

    weights = load_file(finished / "torch" / "recommender.safetensors")["items"]
    numbers = json.loads((finished / "artifact" / "resources" / "items.json").read_text("utf-8"))["ids"]
    history = [numbers.index(item) for item in ("positive-1", "positive-4")]
    scores = weights[1:][:, history].sum(1)
    scores[history] = -np.inf
    expected = [numbers[place] for place in np.argsort(-scores, kind="stable")[:6]]
    [answer] = model.predict([{"history": ["positive-1", "positive-4"], "k": 6}])
    assert ids(answer) == expected


def test_a_file_of_users_and_one_of_histories_are_answered(finished: Path, tmp_path: Path) -> None:
    from framework.__main__ import main

    users = write_csv(tmp_path / "users.csv", [("u000",), ("nobody",)], ("user_id",))
    assert main(["predict", str(finished), "--file", str(users), "--out", str(tmp_path / "a.jsonl")]) == 0
    answers = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [answer["predicted_path"] for answer in answers] == ["user", "popularity"]
    histories = tmp_path / "histories.jsonl"
    histories.write_text(json.dumps({"history": ["positive-1"], "k": 3}) + "\n")
    assert main(["predict", str(finished), "--file", str(histories), "--out", str(tmp_path / "b.csv")]) == 0
    assert "positive-" in (tmp_path / "b.csv").read_text("utf-8")


def test_an_artifact_is_judged_on_a_later_log(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each user's history is what the artifact knows; what they took since then is to be found."""
    from framework.__main__ import main

    [answer] = framework.load(finished).predict([{"user": "u000", "k": 1}])
    rows = [("u000", answer["items"][0]["item"]), ("new", "positive-2")]
    later = write_csv(tmp_path / "later.csv", rows, ("user_id", "item_id"))
    assert main(["evaluate", str(finished), str(later), "--min", "recall@10=1", "--json", str(tmp_path / "found.json")]) == 0
    shown = capsys.readouterr().out
    assert "1 users with a history, 1 without" in shown
    assert "cold_recall@10" in shown
    protocol = json.loads((tmp_path / "found.json").read_text("utf-8"))["protocol"]
    assert protocol.startswith("protocol: all that each user took in the file is to be found at once")
    assert protocol in shown
    assert "leave one out" not in shown


def test_what_may_not_be_recommended_is_no_miss_and_counted(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the artifact knows that somebody has is never recommended to them, nor what it does not know at all."""
    from framework.__main__ import main

    train = Path(framework.load(finished).manifest.data.source.split("(")[-1].split(", ")[0])
    taken = [line.split(",")[:2] for line in train.read_text("utf-8").splitlines()[1:9]]
    [answer] = framework.load(finished).predict([{"user": taken[0][0], "k": 1}])
    rows = [*taken, [taken[0][0], answer["items"][0]["item"]], [taken[0][0], "newest"]]
    later = write_csv(tmp_path / "later.csv", rows, ("user_id", "item_id"))
    assert main(["evaluate", str(finished), str(later), "--min", "recall@10=1"]) == 0
    shown = capsys.readouterr().out
    assert "9 of 10 pairs of user and item were left out: 8 whose user has the item already" in shown
    assert "1 with items that are not in the catalogue" in shown
    assert main(["evaluate", str(finished), str(train)]) == 2
    assert "nothing of it can be recommended, so that there is nothing to judge" in capsys.readouterr().err


def test_a_file_is_judged_by_the_rules_its_log_was_read_with(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from framework.__main__ import main

    rows = [("new", "positive-2", "1"), ("new", "positive-3", "0"), ("newer", "positive-4", "0")]
    later = write_csv(tmp_path / "later.csv", rows, ("user_id", "item_id", "clicked"))
    assert main(["evaluate", str(finished), str(later)]) == 0
    shown = capsys.readouterr().out
    assert "interactions are '1' (1 rows); left out as none: '0' (2 rows); --column feedback=none counts every row" in shown
    assert "0 users with a history, 1 without" in shown
    assert main(["evaluate", str(finished), str(later), "--column", "feedback=none"]) == 0
    assert "0 users with a history, 2 without" in capsys.readouterr().out


@pytest.mark.parametrize("candidate", ["popularity", "item_knn", "bpr", "mult_vae", "sasrec", "hybrid"])
def test_every_candidate_is_exported_and_proven(tmp_path: Path, candidate: str) -> None:
    given = [*recommends(tmp_path, candidate), "export=[onnx]", "trainer.max_epochs=2"]
    model = framework.load(framework.run_recipe("recommendation", *given, folder=tmp_path / "run"))
    parity = model.manifest.variants["onnx"].parity
    assert parity is not None
    assert parity.argmax_flips == 0
    assert len(model.predict([{"history": ["positive-1"], "k": 4}])[0]["items"]) == 4
    assert model.manifest.candidate == candidate


def test_the_best_on_validation_ships_and_what_is_refused_stands_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing in the log says what is popular; without texts the hybrid has nothing to read."""
    given = [setting for setting in recommends(tmp_path, "popularity,ease,hybrid") if not setting.startswith("data.items")]
    folder = framework.run_recipe("recommendation", *given, "export=[onnx]", folder=tmp_path / "run")
    manifest = framework.load(folder).manifest
    assert (manifest.candidate, set(manifest.evaluation.candidates)) == ("ease", {"ease", "popularity", "item_knn"})
    shown = capsys.readouterr().out
    assert "ease is chosen, best by ndcg@10 on 40 held-out rows" in shown
    assert "hybrid reads texts of items: give data.items=FILE" in shown


def test_the_recipe_lets_five_compete_and_each_has_keys_of_its_own(tmp_path: Path) -> None:
    from framework.recipe.compose import compose_recipe

    given = [setting for setting in recommends(tmp_path) if not setting.startswith("candidates=")]
    config = compose_recipe("recommendation", given)
    assert list(config.candidates) == ["popularity", "item_knn", "ease", "hybrid", "sasrec"]
    assert config.candidates.sasrec.minutes == config.candidates.hybrid.minutes == 1.5
    assert config.candidates.hybrid.encoder.name == config.encoder.name == str(tmp_path / "encoder")
    assert compose_recipe("recommendation", [*given, "model.neighbours=7"]).candidates.item_knn.neighbours == 7
    with pytest.raises(InputError, match=r"write candidates.hybrid.minutes= or candidates.sasrec.minutes="):
        compose_recipe("recommendation", [*given, "model.minutes=1"])
    with pytest.raises(InputError) as refusal:
        compose_recipe("recommendation", [*given, "candidates.sasrec.heads=3", "candidates.ease.regularization=0"])
    assert "candidates.sasrec.heads=3: write a number that divides dimensions=64" in str(refusal.value)
    assert "candidates.ease.regularization=0.0: write a number above 0" in str(refusal.value)


def test_integers_are_gated_where_there_is_something_to_multiply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A transformer has products; EASE's only matrix is a table. No request of the validation asks the text encoder."""
    exports = "export=[onnx,onnx_int8]"
    ease = framework.run_recipe("recommendation", *recommends(tmp_path / "a"), exports, folder=tmp_path / "ease")
    assert "onnx_int8: there is nothing in this model that it could make smaller" in capsys.readouterr().out
    assert set(framework.load(ease).manifest.variants) == {"onnx"}
    given = [*recommends(tmp_path / "b", "sasrec"), "trainer.max_epochs=2", "export.onnx_int8.max_drop=1"]
    given.append("export.onnx_int8.must_help=false")
    model = framework.load(framework.run_recipe("recommendation", *given, exports, folder=tmp_path / "sasrec"), "onnx_int8")
    assert "ndcg@10 on validation" in model.manifest.variants["onnx_int8"].decision
    files = {name: model.artifact.folder / f"{name}" for name in ("onnx/item_text.onnx", "onnx_int8/item_text.onnx")}
    sizes = {file.stat().st_size for file in files.values()}
    assert len(sizes) == 1  # as it was


def test_items_that_nobody_took_are_known_by_their_texts(tmp_path: Path) -> None:
    given = recommends(tmp_path)
    items = tmp_path / "log" / "items.csv"
    items.write_text(items.read_text("utf-8") + "fresh,the lovely flight,positive,2001\n", "utf-8")
    folder = framework.run_recipe("recommendation", *given, "export=[onnx]", folder=tmp_path / "run")
    model = framework.load(folder)
    assert model.manifest.model.details["new_items"] == 1
    [answer] = model.predict([{"history": ["positive-1", "positive-5"], "k": 30}])
    assert "fresh" in ids(answer)
    [answer] = model.predict([{"history": ["fresh"], "k": 3}])  # read as the item most like it
    assert answer["path"] == "history"
    assert all(item.startswith("positive") for item in ids(answer))


def test_items_can_be_added_and_stay(finished: Path, tmp_path: Path) -> None:
    artifact = Path(shutil.copytree(finished / "artifact", tmp_path / "artifact"))
    model, other = framework.load(artifact), framework.load(artifact)
    codec: Any = model.codec
    entry = {"item": "new 1", "text": "the lovely flight", "values": {"kind": "positive"}}
    kept = model.scheduler.complete([codec.adding(codec.parse_addition(entry))])
    model.keep(kept)
    for one in (model, other, framework.load(artifact)):  # as another process and a later one
        [answer] = one.predict([{"history": ["positive-2", "positive-3"], "filter": {"kind": "positive"}, "k": 30}])
        assert "new 1" in ids(answer)
        added = next(item for item in answer["items"] if item["item"] == "new 1")
        assert added == {"item": "new 1", "title": "the lovely flight", "popularity": 0.0, "score": added["score"]}
    with pytest.raises(InputError, match="'new 1' is in the catalogue already"):
        other.keep(kept)
    for wrong, message in (
        ({"item": "a"}, "an item is an object such as"),
        ({"item": "", "text": "x"}, "are texts that are not empty"),
        ({"item": "a", "text": "x", "price": 3}, "unknown key 'price'"),
        ({"item": "a", "text": "x", "values": {"colour": "red"}}, "the columns are kind, year"),
        ({"item": "positive-1", "text": "x"}, "in the catalogue already"),
    ):
        with pytest.raises(InputError, match=message):
            codec.parse_addition(wrong)
    overlay = next(tmp_path.glob("artifact-additions/*.jsonl"))
    whole = overlay.read_bytes()
    overlay.write_bytes(whole + b'[{"item": "half')  # as a crash leaves it
    again = framework.load(artifact)
    again.keep([{**kept[0], "item": "new 2"}])
    assert [one["item"] for line in overlay.read_text("utf-8").splitlines() for one in json.loads(line)] == ["new 1", "new 2"]


def test_without_texts_items_cannot_be_added(tmp_path: Path) -> None:
    given = [setting for setting in recommends(tmp_path) if not setting.startswith(("data.items", "data.users"))]
    model = framework.load(framework.run_recipe("recommendation", *given, "export=[onnx]", folder=tmp_path / "run"))
    codec: Any = model.codec
    with pytest.raises(InputError, match="made without texts of items"):
        codec.parse_addition({"item": "a", "text": "b"})
    [answer] = model.predict([{"history": ["positive-1"], "k": 2}])
    assert "title" not in answer["items"][0]


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    """Spaces, leading zeros, other alphabets, quotes; somebody with one interaction is learned from and known."""
    items = ["007", "7", "a b", "naïve 😀", 'say "x"', "ß"]
    rows = [(f"0{user}", items[(user + place) % 6], str(place)) for user in range(8) for place in range(4)]
    log = write_csv(tmp_path / "log.csv", [*rows, ("one only", "007", "9")], ("user", "item", "time"))
    given = [f"data.train={log}", "candidates=[ease]", "encoder.name=null", "encoder.sha256=null"]
    folder = framework.run_recipe("recommendation", *given, "encoder.licence=null", "export=[onnx]", folder=tmp_path / "run")
    model = framework.load(folder)
    known, one, seven = model.predict([{"user": "00", "k": 9}, "one only", {"history": ["7", "07"], "k": 9}])
    assert set(ids(known)) == {'say "x"', "ß"}
    assert (one["path"], "007" in ids(one)) == ("user", False)
    assert (seven["unknown"], set(ids(seven))) == (["07"], {*items} - {"7"})


def test_a_column_that_is_there_need_not_be_used(tmp_path: Path) -> None:
    """Without times the order of the file counts; the protocol says so."""
    given = [*recommends(tmp_path), "data.time=none", "data.rating=none", "task.protocol=leave_one_out", "export=[onnx]"]
    model = framework.load(framework.run_recipe("recommendation", *given, folder=tmp_path / "run"))
    assert "in the order of the file" in model.manifest.evaluation.protocol
    assert "time" not in model.manifest.data.columns


def test_a_recipe_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    from framework.recipe.compose import compose_recipe

    with pytest.raises(InputError) as refusal:
        compose_recipe("recommendation", [*recommends(tmp_path), "task.protocol=past", "task.k=0", "task.core=-1"])
    shown = str(refusal.value)
    for message in ("task.protocol=past", "task.k=0", "task.core=-1"):
        assert message in shown
