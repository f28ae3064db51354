"""What a client gets: answers, refusals that say what to send instead, pages, metrics and logs."""

from __future__ import annotations

import json
import os
import signal
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

import framework
from tests.server.serving import KEY, Serving, serving, until
from tests.server.test_swap import reseal
from tests.tiny import rows


def test_one_and_many_inputs_are_answered_as_predict_answers_them(server: Serving, run_folder: Path) -> None:
    texts = [text for text, _ in rows(80)]
    expected = framework.load(run_folder).predict(texts)
    many = server.predict(*texts).json()
    assert [one["label"] for one in many["predictions"]] == [one["label"] for one in expected]
    for found, wanted in zip(many["predictions"], expected, strict=True):
        assert found["probabilities"] == pytest.approx(wanted["probabilities"], abs=0.05)
    one = server.post("/v1/models/tone/predict", {"inputs": {"text": texts[0]}}).json()
    assert [prediction["label"] for prediction in one["predictions"]] == [expected[0]["label"]]
    assert (one["model"], one["version"]) == (many["model"], many["version"]) == ("tone", server.version())


def test_requests_at_once_are_batched_and_each_gets_its_own_answer(server: Serving, run_folder: Path) -> None:
    texts = [text for text, _ in rows(120)]
    expected = [answer["label"] for answer in framework.load(run_folder).predict(texts)]
    runs, inputs = server.metric("framework_batch_inputs_count"), server.metric("framework_batch_inputs_sum")
    with httpx.Client(base_url=server.url, timeout=60) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: client.post("/v1/predict", json={"inputs": text}).json(), texts))
    assert [answer["predictions"][0]["label"] for answer in answers] == expected
    assert server.metric("framework_batch_inputs_sum") - inputs == len(texts)
    assert server.metric("framework_batch_inputs_count") - runs < len(texts)


BAD: list[tuple[bytes, int, str]] = [
    (b"hello", 400, "the body is not JSON"),
    (b"", 400, "the body is not JSON"),
    (b'{"inputs": NaN}', 400, "NaN is no JSON"),
    (b'{"inputs": "\xff"}', 400, "not UTF-8"),
    (b"[" * 100_000, 400, "nested too deeply"),
    (b'{"inputs": ' + b"[" * 500 + b"]" * 500 + b"}", 422, "nested too deeply"),
    (b"[]", 422, "object with the key inputs"),
    (b'{"text": "hi"}', 422, "it has: text"),
    (b'{"inputs": "hi", "top": 3}', 422, "only the key inputs, not 'top'"),
    (b'{"inputs": []}', 422, "inputs is empty"),
    (b'{"inputs": 3}', 422, "input 1: a request is a text"),
    (b'{"inputs": [null]}', 422, "input 1: a request is a text"),
    (b'{"inputs": [["nested"]]}', 422, "input 1: a request is a text"),
    (b'{"inputs": [{"txt": "x"}]}', 422, "it has: txt"),
    (b'{"inputs": ["half a pair \\ud800"]}', 422, "half of a surrogate pair"),
    (b'{"\\ud800": 1}', 422, "it has: \\ud800"),
    (b'{"inputs": {"\\ud800": "x"}}', 422, "it has: \\ud800"),
    (b'{"inputs": ' + b"9" * 5000 + b"}", 400, "the body is not JSON"),
]


@pytest.mark.parametrize(("body", "status", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_body_is_refused_with_what_to_send_instead(server: Serving, body: bytes, status: int, message: str) -> None:
    response = server.post("/v1/predict", body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert message in response.json()["error"]
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert server.predict("the lovely flight").status_code == 200


def test_an_empty_text_is_answered_as_python_answers_it(server: Serving, run_folder: Path) -> None:
    texts = ["", " \n", "fine"]
    expected = [answer["label"] for answer in framework.load(run_folder).predict(texts)]
    response = server.post("/v1/predict", {"inputs": ["", {"text": " \n"}, "fine"]})
    assert [prediction["label"] for prediction in response.json()["predictions"]] == expected


def test_unusual_characters_are_answered(server: Serving) -> None:
    for text in ("nul \x00 inside", "naïve 😀 “quoted”", "好的，谢谢", "\u202eright to left", "x" * 20_000):
        assert server.predict(text).status_code == 200, text[:30]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/v1/models/nobody/predict", "POST", 404), ("/v1/models/nobody", "GET", 404), ("/nowhere", "GET", 404),
     ("/docs/../settings.py", "GET", 404), ("/docs/index.html", "GET", 404), ("/v1/predict", "GET", 405)],
)  # fmt: skip
def test_what_is_not_there_is_said(server: Serving, path: str, method: str, status: int) -> None:
    response = httpx.request(method, server.url + path, json={"inputs": "x"} if method == "POST" else None)
    assert response.status_code == status
    assert response.json()["error"]


def test_the_openapi_example_works_as_it_stands(server: Serving) -> None:
    document = server.get("/openapi.json").json()
    for path in ("/v1/predict", "/v1/models/tone/predict"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert server.post(path, body).status_code == 200
    assert "/v1/chat/completions" not in document["paths"]  # none of the models holds a conversation
    labels = document["components"]["schemas"]["tone-prediction"]["properties"]["label"]["enum"]
    assert labels == ["negative", "neutral", "positive"]
    assert server.get("/docs").status_code == 200
    assert "SwaggerUIBundle" in server.get("/docs/swagger-ui-bundle.js").text


def test_answers_and_requests_are_what_the_interface_says(server: Serving) -> None:
    from jsonschema import Draft4Validator

    model = server.get("/v1/models/tone").json()
    request, response = Draft4Validator(model["request"]), Draft4Validator(model["response"])
    assert request.is_valid(model["example"])
    assert request.is_valid("a text")
    assert not request.is_valid({"txt": "x"})
    for prediction in server.predict("the lovely flight", model["example"]).json()["predictions"]:
        response.validate(prediction)


def test_models_tell_what_runs_where(server: Serving, run_folder: Path) -> None:
    (model,) = server.get("/v1/models").json()["models"]
    manifest = json.loads((run_folder / "artifact" / "manifest.json").read_text("utf-8"))
    assert model["provider"] == "CPUExecutionProvider"
    assert (model["version"], model["variant"]) == (manifest["seal"][:12], manifest["default"])
    assert str(run_folder) not in json.dumps(model)


def test_logs_are_json_with_ids_and_without_texts(server: Serving) -> None:
    server.predict("a secret flight", headers={"X-Request-Id": "mine-1"})
    line = server.logged(request_id="mine-1")
    assert (line["path"], line["status"], line["model"], line["inputs"]) == ("/v1/predict", 200, "tone", 1)
    assert "secret" not in server.out.read_text("utf-8")


def test_a_request_id_that_could_forge_a_log_line_is_replaced(server: Serving) -> None:
    given = server.predict("x", headers={"X-Request-Id": "a b" + "c" * 200}).headers["x-request-id"]
    assert " " not in given


def test_metrics_count_requests_errors_and_seconds(server: Serving) -> None:
    before = {status: server.metric("framework_requests_total", endpoint="predict", status=status) for status in ("200", "422")}
    server.predict("a flight")
    server.predict()
    assert server.metric("framework_requests_total", endpoint="predict", status="200") == before["200"] + 1
    assert server.metric("framework_requests_total", endpoint="predict", status="422") == before["422"] + 1
    assert server.metric("framework_request_seconds_count", endpoint="predict") >= 2
    assert server.metric("framework_model_info", name="tone", version=server.version()) == 1
    assert server.metric("process_resident_memory_bytes") > 1e6


def test_limits_are_settings_and_each_says_what_is_allowed(tmp_path: Path, run_folder: Path) -> None:
    limits = "--max-body 2000 --max-inputs 3 --max-characters 100 --max-queue 3 --max-bodies 3000 --log-texts"
    with serving(tmp_path, run_folder, *limits.split()) as server:
        refused = {
            "the body may have 2,000 bytes": (413, server.post("/v1/predict", b" " * 2001)),
            "4 inputs where 3 are allowed": (413, server.predict("a", "b", "c", "d")),
            "input 2 has 101 characters; 100 are allowed": (413, server.predict("a", "b" * 101)),
        }
        for message, (status, response) in refused.items():
            assert response.status_code == status
            assert message in response.json()["error"]
        place = ("127.0.0.1", server.port)
        with socket.create_connection(place) as one, socket.create_connection(place) as two:
            for connection in (one, two):
                connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1500\r\n\r\n" + b" " * 1450)
            until(lambda: server.metric("framework_requests_active") >= 3)  # this one included
            full = server.post("/v1/predict", b" " * 500)
            assert (full.status_code, full.json()["error"]) == (429, "too many bodies at once")
            assert int(full.headers["retry-after"]) >= 1
        chunks = httpx.post(f"{server.url}/v1/predict", content=(b" " * 500 for _ in range(10)))  # without a content length
        assert chunks.status_code == 413
        assert server.predict("fine").status_code == 200
        assert server.logged(texts=["fine"])["status"] == 200


def test_slow_bodies_slow_heads_and_slow_answers_end(tmp_path: Path, run_folder: Path) -> None:
    with serving(tmp_path, run_folder, "--timeout", "0.2") as server:
        head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
            slow.sendall(head + b'{"inp')
            answer = slow.recv(10_000)
            assert b"408" in answer.split(b"\r\n")[0]
            assert b"not complete after 0.2 s" in answer + slow.recv(10_000)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as silent:
            silent.sendall(b"POST /v1/predict HT")
            assert silent.recv(100) == b""  # closed
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as early:  # refused before its body arrives
            early.sendall(b"POST /v1/models/nobody/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            assert b"404" in early.recv(10_000).split(b"\r\n")[0]
            early.sendall(b"12345\r\n\r\n")
            while early.recv(10_000):
                pass  # closed, although it says nothing more
    with serving(tmp_path, run_folder, "--timeout", "0.05") as server:
        late = server.predict(*["word " * 600] * 250)
        assert (late.status_code, "no answer within 0.05 s" in late.json()["error"]) == (504, True)
        assert server.predict("x").status_code == 200


def test_an_answer_that_nobody_takes_ends(tmp_path: Path, run_folder: Path) -> None:
    """A client that asks for a large page and never reads would keep it in memory."""
    with serving(tmp_path, run_folder, "--timeout", "0.2") as server, socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", server.port))
        stalled.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        until(lambda: server.metric("framework_requests_active") >= 2)  # this one included
        until(lambda: server.metric("framework_requests_active") == 1)
        assert server.predict("fine").status_code == 200


def test_batching_is_as_the_options_say(tmp_path: Path, run_folder: Path) -> None:
    with serving(tmp_path, run_folder, "--max-batch", "2", "--threads", "1", "--max-wait-ms", "0") as server:
        assert server.get("/v1/models").json()["models"][0]["threads"] == 1
        assert server.predict(*["the lovely flight"] * 7).status_code == 200
        runs = server.metric("framework_batch_inputs_count")
        assert runs == server.metric("framework_batch_inputs_bucket", le="2.0") >= 4
        assert server.metric("framework_batch_inputs_sum") == 7
    with serving(tmp_path, run_folder, "--max-batch-tokens", "8") as server:  # fewer than two of these texts have
        assert server.predict(*["the lovely flight was late"] * 3).status_code == 200
        assert server.metric("framework_batch_inputs_bucket", le="1.0") == server.metric("framework_batch_inputs_count") == 3


def test_at_the_end_requests_are_waited_for_no_longer_than_drain_says(tmp_path: Path, run_folder: Path) -> None:
    with serving(tmp_path, run_folder, "--drain", "1") as server, socket.socket() as never:
        never.connect(("127.0.0.1", server.port))
        never.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        until(lambda: server.metric("framework_requests_active") >= 2)
        server.process.terminate()
        assert server.process.wait(8) == 0  # the request itself would have had ten seconds


def test_a_queue_that_is_full_says_when_to_come_again(tmp_path: Path, run_folder: Path) -> None:
    with serving(tmp_path, run_folder, "--max-queue", "256") as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.predict(*["word " * 600] * 200), range(8)))
        assert {answer.status_code for answer in answers} == {200, 429}
        full = next(answer for answer in answers if answer.status_code == 429)
        assert "inputs wait where 256 may" in full.json()["error"]
        assert int(full.headers["retry-after"]) >= 1
        until(lambda: server.metric("framework_queue_inputs") == 0)


@pytest.mark.parametrize("head", [b"".join(b"X-%d: y\r\n" % i for i in range(20_000)), b"X: " + b"y" * 300_000, b"/" * 100_000])
def test_a_head_without_end_is_refused(server: Serving, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as endless:
        begun = b"GET /" if head.startswith(b"/") else b"GET /healthz HTTP/1.1\r\n"
        with suppress(ConnectionError):
            endless.sendall(begun + head)
        assert b"400" in endless.recv(100)


def test_requests_that_do_not_wait_for_answers_are_bounded(server: Serving) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as flood:
        with suppress(ConnectionError):
            flood.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)
        with suppress(ConnectionError):
            while flood.recv(1 << 20):
                pass  # it is closed
    assert server.get("/healthz").status_code == 200


def test_a_client_that_leaves_in_the_middle_is_noted_and_harms_nobody(server: Serving) -> None:
    body = json.dumps({"inputs": ["word " * 300] * 250}).encode()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    for sent in (head, head + body[:1000], head + body):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as leaving:
            leaving.sendall(sent)
    until(lambda: server.metric("framework_requests_total", status="499") >= 3)
    assert server.predict("the lovely flight").status_code == 200


def test_keys_are_asked_for(tmp_path: Path, run_folder: Path) -> None:
    file = tmp_path / "admin"
    file.write_text("another-key-of-admin\n")
    with serving(tmp_path / "s", run_folder, "--admin-key-file", file, env={"FRAMEWORK_API_KEY": KEY}) as server:
        bearer, other = {"Authorization": f"Bearer {KEY}"}, {"Authorization": "Bearer another-key-of-admin"}
        assert server.predict("x").json()["error"].startswith("no key")
        for wrong in (
            {"Authorization": "Bearer wrong"},
            {"Authorization": KEY},
            {"X-API-Key": "é".encode()},
            other,
        ):
            assert server.predict("x", headers=wrong).status_code == 401
        assert server.predict("x", headers=bearer).status_code == 200
        assert server.predict("x", headers={"X-API-Key": KEY}).status_code == 200
        assert [server.get(path).status_code for path in ("/v1/models", "/healthz", "/readyz", "/metrics", "/", "/docs")] == [
            401
        ] + [200] * 5
        assert server.post("/admin/swap", headers=bearer).status_code == 401
        assert server.post("/admin/swap", headers=other).status_code == 200
        assert KEY not in server.out.read_text() + Path(f"/proc/{server.process.pid}/cmdline").read_text()


def test_several_models_answer_under_their_names(tmp_path: Path, run_folder: Path, other_run: Path) -> None:
    with serving(tmp_path, f"first={run_folder}", f"second={other_run}") as server:
        assert [model["name"] for model in server.get("/v1/models").json()["models"]] == ["first", "second"]
        answers: dict[str, Any] = {
            path: server.post(path, {"inputs": "the lovely flight"}).json()
            for path in ("/v1/predict", "/v1/models/first/predict", "/v1/models/second/predict")
        }
        assert [answer["model"] for answer in answers.values()] == ["first", "first", "second"]
        assert len({answer["version"] for answer in answers.values()}) == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_told_to_stop_it_answers_what_it_has_begun(tmp_path: Path, run_folder: Path, workers: str) -> None:
    """With several processes each is told, as a terminal or systemd tells them."""
    with serving(tmp_path, run_folder, "--workers", workers) as server, ThreadPoolExecutor(4) as pool:
        long: list[Future[httpx.Response]] = []

        def begun() -> bool:
            if all(each.done() for each in long):  # a fast machine had answered before anybody looked
                long[:] = [pool.submit(server.predict, *["word " * 600] * 250) for _ in range(4)]
            return server.metric("framework_requests_active") >= 5  # the asking one included

        until(begun)
        for process in (*server.workers(), server.process.pid):
            os.kill(process, signal.SIGTERM)
        assert [each.result().status_code for each in long] == [200] * 4
        assert server.process.wait(30) == 0
        with pytest.raises(httpx.ConnectError):
            server.get("/readyz")


def test_it_is_ready_only_when_the_model_is_proven(tmp_path: Path, copies: tuple[Path, Path]) -> None:
    """Until then it says so, and answers nothing. Here loading takes long, for there is much to check."""
    with (copies[0] / "resources" / "large.bin").open("wb") as large:
        large.truncate(600 << 20)
    reseal(copies[0])
    seen: list[tuple[int, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    def ask() -> None:
        with suppress(httpx.TransportError):
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz").status_code
            seen.append((ready, httpx.post(f"http://127.0.0.1:{port}/v1/predict", json={"inputs": "x"}).status_code))

    with serving(tmp_path / "s", copies[0], port=port, while_starting=ask) as server:
        assert server.get("/readyz").json()["status"] == "ready"
    assert (503, 503) in seen
