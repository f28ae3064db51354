"""Starting, or saying why not: ports, handles, keys, names, the Dockerfile."""

from __future__ import annotations

import json
import resource
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from framework.__main__ import main
from framework.machine.cpus import granted_cpus
from framework.runtime.onnx import Device
from framework.testing.conformance import BLOCKED
from tests.server.serving import command, serving, until


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no artifact at nowhere"),
        (["RUN", "RUN"], "two models are called sentiment"),
        (["a/b=RUN"], "'a/b' cannot name a model"),
        (["RUN", "--variant", "gguf"], "has no variant 'gguf'"),
        (["RUN", "--provider", "cudda"], "no execution provider 'cudda'"),
        (["RUN", "--key-file", "missing"], "cannot read a key from missing"),
        (["RUN", "--key-file", "short"], "must be at least 16 printable ASCII characters"),
        (["RUN", "--workers", "0"], "must be at least 1"),
        (["RUN", "--port", "many"], "invalid whole number value"),
        (["RUN", "--timeout", "-1"], "must be at least 0"),
        (["RUN", "--timeout", "0"], "--timeout must be above 0"),
        (["RUN", "--max-queue", "10"], "--max-queue 10 is below --max-inputs 256"),
        ([], "name what to serve"),
        (["RUN", "--host", "not.an.address.invalid"], "cannot listen on not.an.address.invalid"),
    ],
)
def test_wrong_arguments_say_what_to_write(run_folder: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "short").write_text("abc")
    given = [argument.replace("RUN", str(run_folder)) for argument in arguments]
    done = subprocess.run([*command("--port", "0"), *given], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_before_anything_is_loaded(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(run_folder), "--port", str(port)]) == 1
    assert (
        f"cannot listen on 127.0.0.1, port {port}: Address already in use; --port 0 takes a free one" in capsys.readouterr().err
    )


def test_too_few_file_handles_are_said_with_what_would_do(run_folder: Path, tmp_path: Path) -> None:
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)); "
    code = f"{limited}from framework.__main__ import main; sys.exit(main(['serve', {str(run_folder)!r}, '--port', '0']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "1000 connections need 1096 file handles, and this process may open 200" in done.stderr
    assert "--connections 104" in done.stderr


def test_with_all_connections_taken_it_says_so_and_goes_on(run_folder: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(tmp_path, run_folder, "--connections", "20") as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
        refused = server.predict("x")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "too many connections" in refused.json()["error"]
        assert [server.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        idle += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        until(lambda: any(map(ended, idle)))  # and still more are closed at once
        for connection in idle:
            connection.close()
        until(lambda: server.predict("x").status_code == 200)
        assert server.metric("framework_connections_refused_total") >= 1
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_it_serves_in_a_process_where_torch_cannot_be_imported(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    with serving(tmp_path / "s", run_folder, env={"PYTHONPATH": f"{tmp_path}:."}) as server:
        assert server.predict("the lovely flight").json()["predictions"][0]["label"] == "positive"


def test_listening_to_other_machines_without_a_key_is_warned_of(run_folder: Path, tmp_path: Path) -> None:
    with serving(tmp_path, run_folder, "--host", "0.0.0.0") as server:
        assert "can be reached from other machines, and no key is asked for" in server.err.read_text()
        assert server.predict("x").status_code == 200


def test_the_dockerfile_installs_the_serve_extra_alone_and_runs_what_works(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", f"Tone={run_folder}", "--dockerfile"]) == 0
    lines = Path("Dockerfile").read_text("utf-8").splitlines()
    assert shlex.split(lines[0].removeprefix("# "))[:4] == ["docker", "build", "-t", "tone"]
    assert Path(shlex.split(lines[0])[-1], "manifest.json").is_file()
    assert 'ARG PACKAGE="recipe-framework[serve]==0.1.0"' in lines
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    entry = json.loads(next(line.removeprefix("ENTRYPOINT ") for line in lines if line.startswith("ENTRYPOINT")))
    assert entry[:4] == ["python", "-m", "framework", "serve"]
    own = [part.replace("/artifact", str(run_folder / "artifact")) for part in entry[4:]]
    with serving(tmp_path / "s", *own) as server:  # the helper's --port 0 comes last and wins
        health = next(line for line in lines if "urlopen" in line).strip().removeprefix("CMD ")
        python, flag, code = json.loads(health)
        assert (python, flag) == ("python", "-c")
        subprocess.run([sys.executable, "-c", code.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")], check=True)
    assert main(["serve", str(run_folder), "--dockerfile"]) == 2  # nothing is overwritten
    Path("Dockerfile").unlink()
    assert main(["serve", "--dockerfile"]) == 0  # for any artifact: the one that the image is built from
    assert '"serve", "/artifact", ' in Path("Dockerfile").read_text("utf-8")


@pytest.mark.parametrize(
    ("files", "own", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"cpu.max": "max 100000\n", "a/cpu.max": "100000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 1),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "3:cpu,cpuacct:/\n2:memory:/x\n", 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, "3:cpu:/\n", None),
        ({}, "", None),
    ],
)
def test_threads_follow_the_containers_limit(tmp_path: Path, files: dict[str, str], own: str, expected: int | None) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "own").write_text(own)
    everything = granted_cpus(tmp_path / "nowhere", tmp_path / "nothing")
    assert granted_cpus(tmp_path, tmp_path / "own") == (expected or everything)


def test_a_provider_has_a_short_name() -> None:
    assert Device("cpu").provider == "CPUExecutionProvider"
