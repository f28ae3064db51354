"""Surfaces of strangers: what they get from the server, and what those that misbehave cannot spoil."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import framework
from tests.server.conftest import environment
from tests.server.serving import KEY, Serving, serving, until
from tests.server.test_swap import point, reseal
from tests.tiny import install

TEXTS = {"texts": ["the lovely flight", "the crew", "the awful bag"]}


def marked(marks: Path, name: str) -> int:
    file = marks / name
    return len(file.read_text()) if file.exists() else 0


def plugins(site: Path, folder: Path) -> str:
    """What `plugins` prints where a stranger's distribution is installed."""
    line = [sys.executable, "-m", "framework", "plugins"]
    return subprocess.run(
        line, env={**os.environ, **environment(site, folder)}, capture_output=True, text=True, check=True
    ).stdout


# what a surface gets


def test_a_strangers_surface_is_answered_by_the_model_in_batches_and_counted(odd: Serving, light: Path) -> None:
    expected = framework.load(light).predict(TEXTS["texts"])
    found = odd.post("/v1/models/tone/sure", TEXTS)
    assert found.status_code == 200, found.text
    ranked = found.json()["texts"]
    assert sorted(one["text"] for one in ranked) == sorted(TEXTS["texts"])
    assert [one["probability"] for one in ranked] == sorted((one["probability"] for one in expected), reverse=True)
    runs, inputs = odd.metric("framework_batch_inputs_count"), odd.metric("framework_batch_inputs_sum")
    texts = odd.metric("framework_sure_texts_total", model="tone")
    requests = odd.metric("framework_requests_total", endpoint="sure", status="200", model="tone")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: odd.post("/v1/models/tone/sure", TEXTS).json(), range(40)))
    assert all(answer == found.json() for answer in answers)
    assert odd.metric("framework_batch_inputs_sum") - inputs == 120
    assert odd.metric("framework_batch_inputs_count") - runs < 120
    assert odd.metric("framework_sure_texts_total", model="tone") - texts == 120
    assert odd.metric("framework_requests_total", endpoint="sure", status="200", model="tone") - requests == 40


def test_limits_names_and_refusals_are_the_servers(odd: Serving) -> None:
    refused = {
        "the body may have 500 bytes": (413, odd.post("/v1/models/tone/sure", b" " * 501)),
        "41 inputs where 40 are allowed": (413, odd.post("/v1/models/tone/sure", {"texts": ["a"] * 41})),
        "input 2: a request is a text": (422, odd.post("/v1/models/tone/sure", {"texts": ["a", 3]})),
        "the body is not JSON": (400, odd.post("/v1/models/tone/sure", b"hello")),
        "with the key texts, a list": (422, odd.post("/v1/models/tone/sure", {"text": "a"})),
        "no model 'tune' is served here; did you mean tone": (404, odd.post("/v1/models/tune/sure", TEXTS)),
        "send something else": (422, odd.post("/odd/refuses")),
        "no answer within 0.2 s": (504, httpx.delete(f"{odd.url}/odd/quick/one", timeout=30)),
    }
    for message, (status, response) in refused.items():
        assert (response.status_code, message in response.json()["error"]) == (status, True), response.text
        assert response.json()["request_id"] == response.headers["x-request-id"]
    tea = odd.post("/odd/teapot")
    assert (tea.status_code, tea.text, tea.headers["x-tea"]) == (418, "short and stout", "green")


def test_it_is_described_with_an_example_that_works_and_has_a_page(odd: Serving) -> None:
    document = odd.get("/openapi.json").json()
    operation = document["paths"]["/v1/models/{name}/sure"]["post"]
    assert operation["parameters"][0]["schema"]["enum"] == ["tone"]
    assert odd.post("/v1/models/tone/sure", operation["requestBody"]["content"]["application/json"]["example"]).is_success
    assert "/v1/models/tone/predict" in document["paths"]  # although another surface has no words for itself
    assert odd.logged(event="a surface cannot be described")["surface"] == "odd"
    model = odd.get("/v1/models/tone").json()
    assert (model["surfaces"], model["page"]) == (["predict", "sure", "odd"], "predict")
    assert model["pages"]["sure"]["drawing"]["kind"] == "ranking"
    page = odd.get("/?model=tone&surface=sure")
    assert '<body data-surface="sure">' in page.text
    assert page.headers["content-security-policy"].count("'sha256-") == 2


def test_pages_speak_the_language_of_the_browser_and_run_the_same_scripts(odd: Serving) -> None:
    header = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    english, german, chinese = (odd.get("/", headers=each) for each in ({}, {"Accept-Language": "de"}, header))
    assert english.text == german.text
    assert ('<html lang="en">' in english.text, '<html lang="zh-CN">' in chinese.text) == (True, True)
    assert ("<title>Try the model<" in english.text, "<title>试用模型<" in chinese.text) == (True, True)
    assert english.headers["content-security-policy"] == chinese.headers["content-security-policy"]
    assert english.headers["vary"] == chinese.headers["vary"] == "Accept-Language"
    assert not re.search("[\u4e00-\u9fff]", english.text)
    assert "<!-- " not in english.text + chinese.text


def test_a_strangers_page_is_translated_where_it_holds_messages(odd: Serving) -> None:
    header = {"Accept-Language": "zh"}
    page, model = odd.get("/?surface=odd", headers=header).text, odd.get("/v1/models/tone", headers=header)
    assert "<p>Plain &amp; simple</p><!-- remark --><b>大声 &lt;</b>" in page
    texts = json.loads(page.split('id="messages">')[1].split("</script>")[0])
    assert texts == {**texts, "Loud <": "大声 <", "Quiet": "Quiet", "Loading…": "正在加载…"}
    assert "<title>Odd<" in page
    assert "<b>Loud &lt;</b>" in odd.get("/?surface=odd").text
    assert [model.json()["pages"][name]["title"] for name in ("predict", "sure", "odd")] == ["试用模型", "按把握排序", "Odd"]
    assert model.headers["vary"] == "Accept-Language"
    assert odd.get("/v1/models/tone").json()["pages"]["sure"]["title"] == "Sure"


def test_keys_are_asked_for_as_its_routes_say(tmp_path: Path, light: Path, site: Path, marks: Path, odd: Serving) -> None:
    refused = odd.post("/odd/guarded")  # of a server without keys
    assert (refused.status_code, "started without a key" in refused.json()["error"]) == (403, True)
    keys = {"FRAMEWORK_API_KEY": KEY, "FRAMEWORK_ADMIN_KEY": KEY[::-1]}
    with serving(tmp_path, f"tone={light}", env=environment(site, marks, **keys)) as server:
        asked = {(path, key): server.post(path, headers={"X-API-Key": key}).status_code
                 for path in ("/odd/teapot", "/odd/guarded", "/odd/open") for key in ("", KEY, KEY[::-1])}  # fmt: skip
    assert {pair for pair, status in asked.items() if status == 418} == {
        ("/odd/teapot", KEY), ("/odd/guarded", KEY[::-1]), ("/odd/open", ""), ("/odd/open", KEY), ("/odd/open", KEY[::-1]),
    }  # fmt: skip
    assert set(asked.values()) == {418, 401}


def test_what_it_notes_is_logged_with_personal_data_masked_and_inputs_are_not(odd: Serving) -> None:
    found = odd.post("/odd/notes?search=x", headers={"X-Request-Id": "mine-3"}).json()
    assert found == {"id": "mine-3", "search": "x"}
    line = odd.logged(request_id="mine-3")
    assert (line["who"], line["rows"]) == ("write to [email]", 3)
    odd.post("/v1/models/tone/sure", TEXTS, headers={"X-Request-Id": "mine-4"})
    assert odd.logged(request_id="mine-4")["inputs"] == 3
    assert "lovely" not in odd.out.read_text("utf-8")


def test_a_model_stays_as_it_is_until_a_request_is_answered(tmp_path: Path, light: Path, site: Path) -> None:
    first, second = (Path(shutil.copytree(light / "artifact", tmp_path / name)) for name in ("first", "second"))
    reseal(second, recipe="another")
    latest = point(tmp_path / "latest", first)
    env = environment(site, tmp_path, FRAMEWORK_ADMIN_KEY=KEY)
    with serving(tmp_path / "s", f"tone={latest}", env=env) as server, ThreadPoolExecutor(1) as pool:
        before = server.version()
        held = pool.submit(server.post, "/odd/holds")
        until(lambda: marked(tmp_path, "holds"))
        for target in (second, first, second):  # twice more, so that the first version would have been let go
            point(latest, target)
            assert server.post("/admin/swap", headers={"X-API-Key": KEY}).is_success
        assert server.version() != before
        (tmp_path / "go").touch()
        assert held.result().json() == {"version": before}


# what it cannot spoil


def test_one_that_raises_fails_its_own_request(odd: Serving) -> None:
    found = odd.post("/odd/raises?text=a-secret", headers={"X-Request-Id": "mine-5"})
    assert (found.status_code, found.json()["error"]) == (500, "a fault of the server, logged with the request id: ValueError")
    assert "a-secret" not in odd.out.read_text("utf-8")
    assert odd.logged(event="fault", request_id="mine-5")["type"] == "ValueError"
    assert odd.post("/odd/nothing").status_code == 500
    assert odd.predict("fine").status_code == 200


def test_one_that_never_ends_is_ended_by_the_limit_and_by_the_client(odd: Serving, marks: Path) -> None:
    found = odd.post("/odd/never")
    assert (found.status_code, "no answer within 1 s" in found.json()["error"]) == (504, True)
    assert marked(marks, "cancelled") >= 1
    before, gone = marked(marks, "cancelled"), odd.metric("framework_requests_total", endpoint="never", status="499")
    with socket.create_connection(("127.0.0.1", odd.port)) as leaving:
        leaving.sendall(b"POST /odd/never HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        until(lambda: odd.metric("framework_requests_active") >= 2)  # this one included
    until(lambda: odd.metric("framework_requests_total", endpoint="never", status="499") == gone + 1)
    assert marked(marks, "cancelled") == before + 1
    assert odd.metric("framework_requests_active") == 1


def test_a_stream_that_goes_wrong_is_seen_not_to_be_whole(odd: Serving, marks: Path) -> None:
    for path, reason in (("torn", "fault"), ("stalls", "a stream was broken off")):
        before = marked(marks, "closed")
        with httpx.stream("POST", f"{odd.url}/odd/{path}", timeout=30) as stream:
            assert stream.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                stream.read()
        assert odd.logged(event=reason)
        until(lambda: marked(marks, "closed") == before + 1)  # noqa: B023
    late = odd.post("/odd/late")
    assert (late.status_code, "nothing came within 1 s" in late.json()["error"]) == (504, True)


def test_an_endless_stream_ends_with_its_client_and_lets_the_model_go(odd: Serving, marks: Path) -> None:
    before = marked(marks, "closed")
    with httpx.stream("POST", f"{odd.url}/odd/endless", timeout=30) as stream:
        lines = stream.iter_lines()
        assert [next(lines) for _ in range(150)][-1] == "piece 149"  # longer than the limit, for each piece is in time
    until(lambda: marked(marks, "closed") == before + 1)
    until(lambda: odd.metric("framework_requests_active") == 1)


def test_the_server_ends_whatever_they_do(tmp_path: Path, light: Path, site: Path) -> None:
    env = environment(site, tmp_path)
    slow = ("--drain", "1", "--timeout", "60")
    with serving(tmp_path / "s", f"tone={light}", *slow, env=env) as server, ExitStack() as connections:
        for path in ("never", "endless"):
            asking = connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            asking.sendall(f"POST /odd/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        until(lambda: server.metric("framework_requests_active") >= 3)
        server.process.terminate()
        assert server.process.wait(10) == 0
        assert (marked(tmp_path, "cancelled"), marked(tmp_path, "closed")) == (1, 1)
    with serving(tmp_path / "b", f"tone={light}", "--drain", "1", env=env) as server, ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(server.post, "/odd/blocks")
        until(lambda: marked(tmp_path, "blocks"))
        server.process.terminate()
        assert server.process.wait(10) == 1
        assert "something in it did not stop" in server.out.read_text("utf-8")
        assert isinstance(blocked.exception(), httpx.TransportError)


PROBLEMS = [
    "surface greedy of odd-plugin 1.0 cannot be used: FrameworkError: /healthz is taken by the server itself",
    "surface rival of odd-plugin 1.0 cannot be used: FrameworkError: /v1/{anything} is taken by the server itself",
    "surface crooked of odd-plugin 1.0 cannot be used: FrameworkError: the method 'LOOK' of /crooked is none of GET,",
    "'crooked/{path:path}' is no path such as /v1/models/{name}/score",
    "surface missing of odd-plugin 1.0 cannot be used: FrameworkError: the plugin that names odd_surfaces:Missing is wrong",
]


def test_one_that_claims_a_path_that_is_taken_is_left_out(odd: Serving, site: Path, tmp_path: Path) -> None:
    log = odd.out.read_text("utf-8")
    listed = plugins(site, tmp_path)
    for problem in PROBLEMS:
        assert problem in log, problem
        assert problem in listed, problem
    assert odd.get("/healthz").json() == {"status": "alive"}
    assert odd.post("/greedy").status_code == 404
    refused = odd.post("/v1/unsure", TEXTS)
    assert refused.status_code == 404
    assert refused.json()["error"] == "tone is never sure, it answers POST /v1/models/tone/predict"
    assert odd.logged(event="a surface does not serve a model")["problem"] == "ValueError: it cannot decide"


def test_two_strangers_with_one_path_are_both_named(tmp_path: Path) -> None:
    for name in ("first", "second"):
        install(tmp_path, f"{name}-surface", name)
        (tmp_path / f"{name}.py").write_text(f"""
from framework import Route, Surface, hookimpl


class Both(Surface):
    name = "{name}"

    def routes(self):
        return [Route("POST", "/v1/models/{{name}}/score", self.answer)]

    async def answer(self, exchange):
        return {{}}


@hookimpl
def register_surfaces(register):
    register("{name}", "{name}:Both")
""")
    listed = plugins(tmp_path, tmp_path)
    taken = "/v1/models/{name}/score is taken by surface first of first-surface 1.0"
    assert f"surface second of second-surface 1.0 cannot be used: FrameworkError: {taken}" in listed
