"""Recommendations over HTTP: who asks for what, what is refused, and items that are added while everything runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

import framework
from framework.errors import FrameworkError
from framework.runtime.overlay import Overlay
from tests.server.serving import KEY, Serving, command, serving, until

ADMIN = {"Authorization": f"Bearer {KEY}"}
ENV = {"FRAMEWORK_ADMIN_KEY": KEY}
NEW = {"item": "new 1", "text": "the lovely flight", "title": "A new flight", "values": {"kind": "positive"}}


def recommend(server: Serving, **asked: Any) -> Any:
    found = server.post("/v1/recommend", asked)
    assert found.status_code == 200, found.text
    return found.json()


def ids(answer: Any) -> list[str]:
    return [item["item"] for item in answer["items"]]


def taken_by(user: str, run: Path) -> set[str]:
    log = run.parent / "log" / "log.csv"
    return {line.split(",")[1] for line in log.read_text("utf-8").splitlines() if line.startswith(f"{user},")}


def test_answers_are_those_of_predict(recommending: Serving, recommender: Path) -> None:
    asked: list[Any] = [
        {"user": "u000"},
        {"history": ["positive-1", "positive-2"], "k": 3},
        {"history": ["positive-1"], "exclude": ["positive-4"], "filter": {"kind": "positive"}, "k": 50},
        {"attributes": {"gender": "M", "age": 21}, "k": 4},
        {"user": "nobody", "history": None},
        {},
    ]
    expected = framework.load(recommender).predict(asked)
    for one, wanted in zip(asked, expected, strict=True):
        found = recommend(recommending, **one)
        assert (found.pop("model"), found.pop("version")) == ("films", recommending.get("/v1/models/films").json()["version"])
        assert ids(found) == ids(wanted)
        assert {**found, "items": []} == {**wanted, "items": []}
        assert all("title" in item for item in found["items"])
    named = recommending.post("/v1/models/films/recommend", {"user": "u000"}).json()
    assert set(ids(named)).isdisjoint(taken_by("u000", recommender))
    predicted = recommending.post("/v1/models/films/predict", {"inputs": asked}).json()["predictions"]
    assert [ids(one) for one in predicted] == [ids(one) for one in expected]


def test_what_is_wanted_is_what_comes(recommending: Serving) -> None:
    found = recommend(
        recommending, history=["positive-1", "positive-2"], exclude=["positive-3"], filter={"kind": "positive"}, k=50
    )
    assert set(ids(found)) == {f"positive-{n}" for n in (0, *range(4, 12))}
    assert len(ids(recommend(recommending, history=["negative-1"], k=2))) == 2
    assert ids(recommend(recommending, history=["positive-1"], filter={"kind": "positive", "year": "2001"})) == []
    known, nobody = recommend(recommending, user="u000"), recommend(recommending, user="nobody")
    assert (known["path"], known["known_user"], nobody["path"], nobody["known_user"]) == ("user", True, "popularity", False)


def test_unknown_items_are_reported(recommending: Serving) -> None:
    found = recommend(recommending, history=["positive-1", "no such item", 7], exclude=["007"])
    assert (found["unknown"], found["path"]) == (["no such item", "7", "007"], "history")
    nothing = recommend(recommending, history=["x" * 300])
    assert (nothing["unknown"], nothing["path"]) == (["x" * 300], "popularity")
    assert recommend(recommending, user="")["items"] == recommend(recommending)["items"]  # as a file's empty row


BAD: list[tuple[bytes, int, str]] = [
    (b"hello", 400, 'the body is not JSON: Expecting value: line 1 column 1 (char 0); for example {"history": '),
    (b"[]", 422, 'a request is a user id or an object such as {"history"'),
    (b"1.5", 422, "a request is a user id or an object"),
    (b'{"inputs": ["u000"]}', 422, "unknown key 'inputs'; keys: attributes, exclude, filter, history, k, user"),
    (b'{"histroy": ["positive-1"]}', 422, "unknown key 'histroy'; did you mean history?"),
    (b'{"k": 0}', 422, "k is how many items are wanted, 1 to 1,000, not 0"),
    (b'{"k": 2.5}', 422, "k is how many items"),
    (b'{"history": "[1"}', 422, "history: not JSON"),
    (b'{"history": [1.5]}', 422, "history: an id is a text or a whole number, not 1.5"),
    (b'{"history": ["' + b'", "'.join([b"1"] * 10_001) + b'"]}', 422, "history has 10,001 items where 10,000 are allowed"),
    (b'{"history": ["' + b"x" * 20_001 + b'"]}', 413, "the request has 20,001 characters; 20,000 are allowed"),
    (b'{"history": ["\\ud800"]}', 422, "history: '\\ud800' is not valid Unicode: it holds half of a surrogate pair"),
    (b'{"exclude": {"a": 1}}', 422, "exclude is a list of item ids"),
    (b'{"filter": {"kind": "positiv"}}', 422, "filter: no item has kind 'positiv'; did you mean positive?"),
    (b'{"filter": {"colour": "red"}}', 422, "filter: no column 'colour'; columns: kind, year"),
    (b'{"attributes": {"shoe": "42"}}', 422, "attributes: no 'shoe'"),
    (b'{"attributes": {"age": [1]}}', 422, "attributes: age is a text or a number, not [1]"),
    (b'{"user": ["u000"]}', 422, "user: an id is a text or a whole number"),
]


@pytest.mark.parametrize(("body", "status", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_body_is_refused_with_one_clear_error(recommending: Serving, body: bytes, status: int, message: str) -> None:
    found = recommending.post("/v1/recommend", body)
    assert (found.status_code, found.headers["content-type"]) == (status, "application/json")
    assert found.json()["error"].startswith(message)
    assert recommend(recommending, user="u000")["known_user"] is True


def test_what_recommends_nothing_says_what_it_answers(recommending: Serving) -> None:
    asked = [
        recommending.post("/v1/models/tone/recommend", {"user": "u000"}),
        recommending.get("/v1/models/tone/items"),
    ]
    for found in asked:
        assert found.status_code == 404
        assert found.json()["error"] == "tone recommends nothing, it answers POST /v1/models/tone/predict"
    assert recommending.post("/v1/models/tome/recommend", {}).status_code == 404
    paths = recommending.get("/openapi.json").json()["paths"]
    assert {"/v1/recommend", "/v1/items", "/v1/models/films/recommend", "/v1/models/films/items"} <= paths.keys()
    assert "/v1/models/tone/recommend" not in paths


def test_items_are_found_by_title_and_id(recommending: Serving) -> None:
    found = recommending.get("/v1/items", params={"search": "LOVELY flight"}).json()
    assert found == {"model": "films", "items": found["items"]}
    assert [(item["item"], item["title"]) for item in found["items"]] == [("positive-0", "the lovely flight")]
    by_id = recommending.get("/v1/models/films/items", params={"search": "negative-1"}).json()["items"]
    assert next(item["item"] for item in by_id) == "negative-1"
    assert {item["item"] for item in by_id} == {"negative-1", "negative-10", "negative-11"}
    everything = recommending.get("/v1/items", params={"limit": "100"}).json()["items"]
    shares = [item["popularity"] for item in everything]
    assert len(everything) == 24
    assert shares == sorted(shares, reverse=True)
    assert len(recommending.get("/v1/items").json()["items"]) == 10
    assert recommending.get("/v1/items", params={"search": "no such thing"}).json()["items"] == []
    for limit in ("0", "101", "-1", "x", "1.5", "²", "9" * 5000):
        refused = recommending.get("/v1/items", params={"limit": limit})
        assert (refused.status_code, refused.json()["error"]) == (422, "limit is a number from 1 to 100")


def test_the_interface_says_what_is_asked_and_answered(recommending: Serving) -> None:
    from jsonschema import Draft4Validator

    document = recommending.get("/openapi.json").json()
    for path in ("/v1/recommend", "/v1/models/films/recommend"):
        operation = document["paths"][path]["post"]
        body = operation["requestBody"]["content"]["application/json"]
        Draft4Validator({**body["schema"], "components": document["components"]}).validate(body["example"])
        found = recommending.post(path, body["example"])
        assert found.status_code == 200
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft4Validator({**answer, "components": document["components"]}).validate(found.json())
    items = document["paths"]["/v1/items"]
    assert [one["name"] for one in items["get"]["parameters"]] == ["search", "limit"]
    assert items["post"]["security"] == [{"key": []}]
    model = recommending.get("/v1/models/films").json()
    assert (model["page"], model["surfaces"]) == ("recommend", ["predict", "recommend"])
    assert model["request"]["properties"]["filter"]["properties"]["kind"]["anyOf"][0]["enum"] == ["negative", "positive"]


def test_the_log_names_neither_users_nor_items(recommending: Serving) -> None:
    recommending.post("/v1/recommend", {"user": "u000", "exclude": ["a-secret"]}, headers={"X-Request-Id": "mine-2"})
    line = recommending.logged(request_id="mine-2")
    assert (line["path"], line["status"], line["model"], line["inputs"]) == ("/v1/recommend", 200, "films", 1)
    assert not re.search("a-secret|u000", recommending.out.read_text("utf-8"))
    assert recommending.metric("framework_requests_total", endpoint="recommend", status="200") >= 1


# items that are added


@pytest.fixture
def artifact(tmp_path: Path, recommender: Path) -> Path:
    """A copy beside which items may be kept."""
    return Path(shutil.copytree(recommender / "artifact", tmp_path / "kept" / "artifact"))


@pytest.fixture
def adding(tmp_path: Path, artifact: Path) -> Iterator[Serving]:
    with serving(tmp_path / "s", f"films={artifact}", env=ENV) as server:
        yield server


def add(server: Serving, *items: Any, headers: Any = ADMIN) -> httpx.Response:
    return server.post("/v1/items", {"items": list(items)}, headers=headers)


def additions(artifact: Path) -> Path:
    (found,) = artifact.parent.glob("artifact-additions/*.jsonl")
    return found


def test_adding_needs_the_key_of_admins(recommending: Serving, adding: Serving) -> None:
    closed = add(recommending, NEW)
    assert closed.status_code == 403
    assert "the server was started without a key" in closed.json()["error"]
    assert add(adding, NEW, headers={}).status_code == 401
    assert add(adding, NEW, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert adding.get("/v1/items", params={"search": "new 1"}).json()["items"] == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_item_is_recommended_by_every_process_and_after_a_restart(tmp_path: Path, artifact: Path, workers: str) -> None:
    asked = {"history": ["positive-2", "positive-3"], "filter": {"kind": "positive"}, "k": 30}

    def everywhere(server: Serving) -> list[Any]:
        """Answers of fresh connections, which the kernel shares out among the processes."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: recommend(server, **asked), range(24)))

    with serving(tmp_path / "s", f"films={artifact}", "--workers", workers, env=ENV) as server:
        assert not any("new 1" in ids(answer) for answer in everywhere(server))
        done = add(server, NEW, {"item": 1234, "text": "the awful door"})
        assert done.json() == {"model": "films", "version": server.version(), "added": ["new 1", "1234"]}
        answers = everywhere(server)
        assert all("new 1" in ids(answer) and "1234" not in ids(answer) for answer in answers)
        new = next(item for item in answers[0]["items"] if item["item"] == "new 1")
        assert (new["title"], new["popularity"]) == ("A new flight", 0.0)
        found = recommend(server, history=["new 1"], k=3)
        assert (found["unknown"], found["path"]) == ([], "history")
        assert "new 1" not in ids(found)
        assert server.get("/v1/items", params={"search": "awful door"}).json()["items"][-1]["item"] == "1234"
        scores = {item["item"]: item["score"] for item in answers[0]["items"]}
    with serving(tmp_path / "again", f"films={artifact}", env=ENV) as server:
        again = {item["item"]: item["score"] for item in recommend(server, **asked)["items"]}
        assert again == pytest.approx(scores, abs=1e-5)
        assert add(server, NEW).status_code == 422


def test_items_are_added_all_or_none(adding: Serving, artifact: Path) -> None:
    assert add(adding, NEW).status_code == 200
    twice = add(adding, {"item": "new 2", "text": "the blue bag"}, NEW)
    assert (twice.status_code, twice.json()["error"]) == (
        422,
        "item 2: item 'new 1' is in the catalogue already; nothing was added",
    )
    assert adding.get("/v1/items", params={"search": "new 2"}).json()["items"] == []
    assert add(adding, {"item": "new 2", "text": "the blue bag"}).status_code == 200
    assert len(additions(artifact).read_text("utf-8").splitlines()) == 2


ENTRY = {"item": "a", "text": "the blue bag"}
WRONG: list[tuple[Any, int, str]] = [
    ([], 422, "the body is an object with the key items, a list"),
    ({"items": []}, 422, "the body is an object with the key items, a list"),
    ({"items": [ENTRY], "more": 1}, 422, "the body is an object with the key items, a list"),
    ({"items": ["a"]}, 422, 'item 1: an item is an object such as {"item"'),
    ({"items": [{"item": "a"}]}, 422, "item 1: an item is an object such as"),
    ({"items": [ENTRY, {**ENTRY, "item": "b", "txt": "x"}]}, 422, "item 2: unknown key 'txt'; did you mean text?"),
    ({"items": [{**ENTRY, "item": "  "}]}, 422, "item 1: item, text and title are texts that are not empty"),
    ({"items": [{**ENTRY, "item": True}]}, 422, "item 1: item, text and title are texts"),
    ({"items": [{**ENTRY, "title": 3}]}, 422, "item 1: item, text and title are texts"),
    ({"items": [{**ENTRY, "item": "positive-1"}]}, 422, "item 1: item 'positive-1' is in the catalogue already"),
    ({"items": [{**ENTRY, "values": {"colour": "red"}}]}, 422, "item 1: values is an object from columns to texts"),
    ({"items": [{**ENTRY, "values": {"kind": 3}}]}, 422, "item 1: values: each column needs a text or a list of texts"),
    ({"items": [ENTRY, ENTRY]}, 422, "items are named twice: 'a'"),
    ({"items": [{**ENTRY, "item": str(n)} for n in range(65)]}, 413, "65 items where 64 are allowed"),
    ({"items": [{**ENTRY, "text": "x" * 20_001}]}, 413, "item 1 has 20,002 characters; 20,000 are allowed"),
    (b'{"items": [{"item": "a", "text": "half \\ud800"}]}', 422, "item 1: text: 'half \\ud800' is not valid Unicode"),
    (b'{"items": [{"item": "\\udfff", "text": "x"}]}', 422, "item 1: item: '\\udfff' is not valid Unicode"),
    (b"{", 400, "the body is not JSON"),
]


def test_bad_items_are_refused_and_nothing_is_added(adding: Serving, artifact: Path) -> None:
    for body, status, message in WRONG:
        found = adding.post("/v1/items", body, headers=ADMIN)
        assert found.status_code == status, (body, found.text)
        assert found.json()["error"].startswith(message)
        assert found.json()["error"].endswith("; nothing was added")
    assert not list(artifact.parent.glob("artifact-additions/*"))


def test_additions_from_everywhere_at_once_lose_nothing_while_answers_go_on(tmp_path: Path, artifact: Path) -> None:
    with serving(tmp_path / "s", f"films={artifact}", "--workers", "2", env=ENV) as server, ThreadPoolExecutor(12) as pool:
        wanted = [[{"item": f"n-{one}-{each}", "text": "the kind crew"} for each in range(5)] for one in range(16)]
        asked = [pool.submit(server.post, "/v1/recommend", {"history": ["positive-1"], "k": 1000}) for _ in range(16)]
        done = list(pool.map(lambda items: add(server, *items), wanted))
        asked += [pool.submit(server.post, "/v1/recommend", {"history": ["positive-1"], "k": 1000}) for _ in range(8)]
        assert [found.status_code for found in done] == [200] * 16
        assert [found.result().status_code for found in asked] == [200] * 24
        new = {item["item"] for items in wanted for item in items}
        for found in asked[16:]:
            assert new <= set(ids(found.result().json()))
        contested = list(pool.map(lambda _: add(server, {"item": "wanted by all", "text": "the kind crew"}), range(8)))
        assert sorted(found.status_code for found in contested) == [200] + [422] * 7
    kept = [one["item"] for line in additions(artifact).read_text("utf-8").splitlines() for one in json.loads(line)]
    assert sorted(kept) == sorted([*new, "wanted by all"])
    assert len(recommend_once(artifact, {"history": ["positive-1"], "k": 1000})) == 23 + 81


def recommend_once(artifact: Path, request: Any) -> list[str]:
    return ids(framework.load(artifact).predict([request])[0])


DAMAGE: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda whole: whole[:-5] + b"\n", "is damaged at byte 0"),
    (lambda whole: b"3\n" + whole, "is damaged at byte 0"),
    (lambda whole: whole + whole, "cannot take in: items stand there twice: 'new 1'"),
    (lambda whole: whole.replace(b'"like"', b'"liek"'), "cannot take in: KeyError 'like'"),
    (lambda whole: whole.replace(b'"vector": "', b'"vector": "AAAA'), "cannot take in: ValueError"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_file_is_said_and_stops_answers_until_it_is_mended(
    tmp_path: Path, artifact: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    first, second = framework.load(artifact), framework.load(artifact)
    entry = first.growing_codec.parse_addition(NEW)
    first.keep(first.scheduler.complete([first.growing_codec.adding(entry)]))
    file = additions(artifact)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    for _ in range(2):
        with pytest.raises(FrameworkError, match=re.escape(str(file))) as error:
            second.predict(["u000"])
        assert message in str(error.value)
    file.write_bytes(whole)
    assert "new 1" in ids(second.predict([{"history": ["positive-1"], "k": 100}])[0])


def test_a_server_says_that_a_file_is_damaged(tmp_path: Path, adding: Serving, artifact: Path) -> None:
    add(adding, NEW)
    file = additions(artifact)
    with file.open("ab") as stream:
        stream.write(b'[{"item": "x"\n')
    refused = adding.post("/v1/recommend", {"user": "u000"})
    assert (refused.status_code, refused.json()["error"]) == (
        503,
        "what was added to films cannot be read; the server's log says why",
    )
    until(lambda: any(f"{file} is damaged at byte" in line.get("error", "") for line in adding.log()))
    assert adding.get("/v1/items").status_code == 503
    assert add(adding, {"item": "b", "text": "the bag"}).status_code == 503
    started = subprocess.run(command(str(artifact), "--port", "0"), capture_output=True, text=True, check=False)
    assert started.returncode != 0
    assert "remove that line" in started.stderr
    assert "Traceback" not in started.stderr
    file.write_bytes(file.read_bytes().rpartition(b"[")[0])
    assert "new 1" in ids(recommend(adding, history=["positive-1"], k=100))


def test_where_nothing_can_be_kept_nothing_is_added(tmp_path: Path, artifact: Path) -> None:
    blocked = artifact.with_name("artifact-additions")
    blocked.write_text("a file where a folder should be")  # to root, read-only folders are none
    with serving(tmp_path / "s", f"films={artifact}", env=ENV) as server:
        found = add(server, NEW)
        assert found.status_code == 409
        assert found.json()["error"].startswith("nothing can be added here: ")
        assert found.json()["error"].endswith("additions are kept beside the artifact; nothing was added")
        assert "new 1" not in ids(recommend(server, history=["positive-1"], k=100))
        blocked.unlink()
        blocked.mkdir()
        if os.geteuid():
            blocked.chmod(0o500)
            assert add(server, NEW).status_code == 409
            blocked.chmod(0o700)
        assert add(server, NEW).status_code == 200


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """The file may grow by a few bytes alone, as where the disk is full."""
    import resource

    overlay = Overlay(tmp_path / "artifact-additions" / "1.jsonl")
    with overlay.writing() as stream:
        overlay.append(stream, [{"item": "a"}])
    before, limits = overlay.path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 8, limits[1]))
    try:
        with overlay.writing() as stream, pytest.raises(FrameworkError, match="nothing can be added here"):
            overlay.append(stream, [{"item": "b" * 100}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert overlay.path.read_bytes() == before
    with overlay.unread() as found:
        assert found == [{"item": "a"}]


def test_another_version_begins_without_what_was_added_and_the_one_before_still_has_it(
    tmp_path: Path, artifact: Path, recommender: Path
) -> None:
    from tests.server.test_swap import point, reseal

    other = Path(shutil.copytree(recommender / "artifact", tmp_path / "other" / "artifact"))
    reseal(other, recipe="another")
    latest = point(tmp_path / "latest", artifact)
    asked = {"history": ["positive-1"], "k": 100}
    with serving(tmp_path / "s", f"films={latest}", env=ENV) as server:
        add(server, NEW)
        point(latest, other)
        assert server.post("/admin/swap", headers=ADMIN).status_code == 200
        assert "new 1" not in ids(recommend(server, **asked))
        assert add(server, NEW).status_code == 200
        assert server.post("/admin/rollback", headers=ADMIN).status_code == 200
        assert "new 1" in ids(recommend(server, **asked))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on PATH")
def test_what_the_docs_show_works(tmp_path: Path, adding: Serving) -> None:
    page = (Path(__file__).parents[2] / "docs" / "recommendation.md").read_text("utf-8")
    for theirs, ours in (
        ("localhost:8000", adding.url[7:]),
        ('"class": "Comedy"', '"kind": "positive"'),
        ('"class"', '"kind"'),
    ):
        page = page.replace(theirs, ours)
    shown = re.findall(r"^    (curl .*)$", page, re.MULTILINE)
    assert len(shown) >= 6
    for line in shown:
        given = shlex.split(line.replace("$FRAMEWORK_ADMIN_KEY", KEY))
        said = json.loads(subprocess.run([*given, "-s"], check=True, capture_output=True, text=True).stdout)
        assert said.keys() & {"items", "added"}, (line, said)
