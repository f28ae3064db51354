"""What stands between a server and its clients: browsers of other origins, proxies, encodings, bodies that are too large."""

from __future__ import annotations

import gzip
import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.serving import KEY, Serving, command, serving, until

PAGE = "https://app.example"
BODY = {"inputs": "the lovely flight"}
LIMIT = 100_000


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory, quick_run: Path) -> Iterator[Serving]:
    """Behind a proxy, with a key, for pages of two origins, in two processes."""
    options = f"--cors-origin {PAGE} --cors-origin http://localhost:3000/ --root-path /tone/ --workers 2 --max-body {LIMIT}"
    folder = tmp_path_factory.mktemp("open")
    with serving(folder, f"tone={quick_run}", *options.split(), env={"FRAMEWORK_API_KEY": KEY}) as running:
        yield running


def asked(origin: str, **more: str) -> dict[str, str]:
    return {"Origin": origin, **more}


BEARER = {"Authorization": f"Bearer {KEY}"}


def preflight(server: Serving, origin: str) -> httpx.Response:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}
    return httpx.options(f"{server.url}/v1/predict", headers=asked(origin, **wanted))


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
def test_a_browser_may_ask_for_pages_of_the_origins_that_are_allowed(open_server: Serving, origin: str) -> None:
    before = preflight(open_server, origin)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, origin)
    assert before.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
    assert "POST" in before.headers["access-control-allow-methods"]
    answer = open_server.post("/v1/predict", BODY, headers=asked(origin) | BEARER)
    refused = open_server.post("/v1/predict", BODY, headers=asked(origin))
    assert (answer.status_code, refused.status_code) == (200, 401)  # the key is asked for as ever
    for response in (before, answer, refused):
        assert response.headers["access-control-allow-origin"] == origin
        assert "Origin" in response.headers["vary"]
        assert "access-control-allow-credentials" not in response.headers


def test_other_origins_get_no_leave(open_server: Serving) -> None:
    for origin in ("https://evil.example", f"{PAGE}.evil.example", "null"):
        before = preflight(open_server, origin)
        assert (before.status_code, "may not ask" in before.json()["error"]) == (403, True)
        for response in (before, open_server.post("/v1/predict", BODY, headers=asked(origin) | BEARER)):
            assert "access-control-allow-origin" not in response.headers


def test_without_the_option_there_is_no_cors(server: Serving) -> None:
    assert preflight(server, PAGE).status_code == 405
    assert "access-control-allow-origin" not in server.post("/v1/predict", BODY, headers=asked(PAGE)).headers


@pytest.mark.parametrize("prefix", ["/tone", ""])
def test_a_proxy_may_take_its_prefix_off_or_leave_it(open_server: Serving, prefix: str) -> None:
    assert open_server.post(f"{prefix}/v1/models/tone/predict", BODY, headers=BEARER).status_code == 200
    assert open_server.get(f"{prefix}/readyz").status_code == 200
    assert open_server.get(f"{prefix}/openapi.json").json()["servers"] == [{"url": "/tone"}]
    for path in (prefix or "/", f"{prefix}/"):
        home = open_server.get(path)
        assert '<base href="/tone/">' in home.text  # its addresses have no slash at their beginning
        assert "base-uri 'self'" in home.headers["content-security-policy"]
    found = re.findall(r'(?:href|src)="(docs/[^"]+)"', open_server.get(f"{prefix}/docs").text)
    assert found
    for file in found:
        assert open_server.get(f"{prefix}/{file}").status_code == 200
    assert open_server.get("/tones/readyz").status_code == 404


def test_a_socket_of_this_machine_serves_in_place_of_a_port(tmp_path: Path, quick_run: Path) -> None:
    file = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(file))  # as a killed server leaves it
    arguments = [str(quick_run), "--uds", str(file), "--cors-origin", "*"]
    with (tmp_path / "err").open("w") as stderr:
        process = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        until(lambda: f"at unix:{file}" in (tmp_path / "err").read_text())
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(file)), base_url="http://tone") as client:
            answer = client.post("/v1/predict", json=BODY, headers=asked(PAGE))
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
        second = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
        assert (second.returncode, "another server listens on" in second.stderr) == (1, True)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cors-origin", "app.example"), "an origin is SCHEME://HOST"),
        (("--cors-origin", "https://app.example/page"), "an origin is SCHEME://HOST"),
        (("--cors-origin", "https://*.example"), "an origin is SCHEME://HOST"),
        (("--root-path", "tone"), "a path begins with /"),
        (("--root-path", "https://x.example/tone"), "a path begins with /"),
        (("--uds", __file__), "is there and is no socket"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    quick_run: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    from framework.__main__ import main

    assert main(["serve", str(quick_run), *options]) == 2
    assert message in capsys.readouterr().err


def encoded(server: Serving, body: bytes, encoding: str) -> httpx.Response:
    return server.post("/v1/predict", body, headers={"Content-Encoding": encoding} | BEARER)


JSON = json.dumps(BODY).encode()


def zipped(body: bytes) -> bytes:
    """Gzip without the time in its header: parameters of tests are their names, and every worker must see the same."""
    return gzip.compress(body, mtime=0)


def test_a_body_may_come_as_gzip(open_server: Serving) -> None:
    plain = encoded(open_server, JSON, "identity").json()["predictions"]
    for body in (gzip.compress(JSON), gzip.compress(JSON[:9]) + gzip.compress(JSON[9:])):
        answer = encoded(open_server, body, "gzip")
        assert (answer.status_code, answer.json()["predictions"]) == (200, plain)


def test_what_a_body_is_decoded_to_is_bounded(open_server: Serving) -> None:
    fits = JSON[:-1] + b" " * (LIMIT - len(JSON)) + b"}"
    assert encoded(open_server, gzip.compress(fits), "gzip").status_code == 200
    for bomb in (gzip.compress(fits + b" "), gzip.compress(bytes(50 << 20)), gzip.compress(bytes(LIMIT)) * 2):
        refused = encoded(open_server, bomb, "gzip")
        assert (refused.status_code, f"{LIMIT:,} bytes" in refused.json()["error"]) == (413, True)


@pytest.mark.parametrize(
    ("body", "encoding", "status", "message"),
    [
        (JSON, "gzip", 400, "not gzip, as Content-Encoding says"),
        (zipped(JSON)[:-9], "gzip", 400, "its gzip has no end"),
        (zipped(JSON), "br", 415, "br is not taken; send the body as it is, or with gzip"),
        (JSON, "deflate", 415, "deflate is not taken"),
        (zipped(zipped(JSON)), "gzip, gzip", 415, "gzip, gzip is not taken"),
        (b"\xef\xbb\xbf" + JSON, "", 200, ""),
        (zipped(b"\xef\xbb\xbf" + JSON), "gzip", 200, ""),
        (json.dumps(BODY).encode("utf-16"), "", 400, "the body is UTF-16; JSON is sent as UTF-8"),
        (json.dumps(BODY).encode("utf-16-le"), "", 400, "the body is UTF-16"),
        (json.dumps(BODY).encode("utf-32"), "", 400, "the body is UTF-32"),
        (b'{"inputs": "\xe9t\xe9"}', "", 400, "not UTF-8"),
    ],
)
def test_encodings_are_read_or_named(open_server: Serving, body: bytes, encoding: str, status: int, message: str) -> None:
    answer = encoded(open_server, body, encoding)
    assert answer.status_code == status
    assert message in answer.json().get("error", "")


def test_admin_bodies_may_be_gzip_too(open_server: Serving) -> None:
    named = gzip.compress(b'{"model": "nobody"}')
    answer = open_server.post("/admin/swap", named, headers={"Content-Encoding": "gzip"} | BEARER)
    assert (answer.status_code, "no model 'nobody'" in answer.json()["error"]) == (409, True)
    assert (
        open_server.post(
            "/admin/swap", gzip.compress(bytes(1 << 20)), headers=BEARER | {"Content-Encoding": "gzip"}
        ).status_code
        == 413
    )


@pytest.mark.parametrize("megabytes", [2, 40])
def test_a_client_that_sends_too_much_reads_why(open_server: Serving, megabytes: int) -> None:
    """Such as urllib, which sends everything before it reads, and asks that the connection be closed."""
    request = urllib.request.Request(f"{open_server.url}/v1/predict", bytes(megabytes << 20), BEARER)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 413
    assert f"{LIMIT:,} bytes" in json.load(refused.value)["error"]
    stays = httpx.post(f"{open_server.url}/v1/predict", content=bytes(megabytes << 20), headers=BEARER, timeout=60)
    assert stays.status_code == 413


def test_who_never_ends_is_not_read_for_long(open_server: Serving) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", open_server.port), timeout=60) as endless:
        endless.sendall(head % (KEY.encode(), 1 << 40) + bytes(1 << 20))
        assert b" 413 " in endless.recv(10_000)
        with pytest.raises(ConnectionError):
            endless.sendall(bytes(1 << 30))
