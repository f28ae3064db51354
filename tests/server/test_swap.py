"""Another artifact beside the running one: in every process or in none, and back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from framework.artifact.draft import Draft
from framework.artifact.manifest import MANIFEST, read_manifest
from tests.server.serving import KEY, Serving, serving, until

ADMIN = {"Authorization": f"Bearer {KEY}"}
ENV = {"FRAMEWORK_API_KEY": KEY}


def reseal(folder: Path, **changes: Any) -> None:
    """Seals an altered artifact as if it had been made so."""
    manifest = read_manifest(folder)
    (folder / MANIFEST).unlink()
    draft = Draft.__new__(Draft)
    draft.folder = folder
    draft.seal(replace(manifest, **changes))


def point(link: Path, target: Path) -> Path:
    fresh = link.with_suffix(".fresh")
    fresh.symlink_to(target, target_is_directory=True)
    return fresh.rename(link)


@pytest.fixture
def latest(tmp_path: Path, copies: tuple[Path, Path]) -> Path:
    return point(tmp_path / "latest", copies[0])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_swap_follows_the_link_in_every_process_and_goes_back(
    tmp_path: Path, latest: Path, copies: tuple[Path, Path], workers: str
) -> None:
    with serving(tmp_path / "s", f"tone={latest}", "--workers", workers, env=ENV) as server:
        first = server.version()
        assert "no version to go back to" in server.post("/admin/rollback", headers=ADMIN).json()["error"]
        assert server.post("/admin/swap", headers=ADMIN).json() == {"models": [{"model": "tone", "version": first}]}
        point(latest, copies[1])
        second = server.post("/admin/swap", {"model": "tone"}, headers=ADMIN).json()["models"][0]["version"]
        assert second != first
        assert versions(server) == {second}
        shutil.rmtree(copies[0])  # what answered before is still at hand
        assert server.post("/admin/rollback", headers=ADMIN).json()["models"][0]["version"] == first
        assert versions(server) == {first}
        assert server.post("/admin/rollback", headers=ADMIN).json()["models"][0]["version"] == second
        assert versions(server) == {second}
        assert server.metric("framework_model_info", version=second) == 1
        assert server.metric("framework_model_info", version=first) == 0


def versions(server: Serving) -> set[str]:
    """What new connections are answered with: with several processes, by each of them in time."""
    return {server.predict("the lovely flight", headers=ADMIN).json()["version"] for _ in range(20)}


def test_a_hang_up_swaps_in_every_process(tmp_path: Path, latest: Path, copies: tuple[Path, Path]) -> None:
    for workers in ("1", "2"):
        point(latest, copies[0])
        with serving(tmp_path / workers, f"tone={latest}", "--workers", workers) as server:
            first = server.version()
            point(latest, copies[1])
            server.process.send_signal(signal.SIGHUP)
            until(lambda server=server, first=first: server.version() != first)
            server.logged(event="swapped")
            assert len({server.version() for _ in range(20)}) == 1


def missing(folder: Path) -> None:
    next(folder.rglob("tokenizer.json")).unlink()


def altered(folder: Path) -> None:
    file = next(folder.rglob("*.onnx"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def newer(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    from framework.artifact.manifest import seal_of

    manifest["format"] += 1
    manifest["seal"] = seal_of(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def other_answers(folder: Path) -> None:
    golden = folder / "golden.jsonl"
    golden.write_text(golden.read_text("utf-8").replace('"positive"', '"nobody"'), "utf-8")
    reseal(folder)


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (missing, "tokenizer.json is missing"),
    (altered, "its sha256 differs from the sealed one"),
    (newer, "has format 3; this version reads format 2"),
    (other_answers, "golden example"),
    (no_manifest, "holds no artifact"),
]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_artifact_changes_nothing_anywhere(tmp_path: Path, latest: Path, copies: tuple[Path, Path], workers: str) -> None:
    with serving(tmp_path / "s", f"tone={latest}", "--workers", workers, env=ENV) as server:
        first = server.version()
        for damage, message in DAMAGES:
            bad = Path(shutil.copytree(copies[1], tmp_path / damage.__name__))
            damage(bad)
            point(latest, bad)
            refused = server.post("/admin/swap", headers=ADMIN)
            assert refused.status_code == 409
            assert message in refused.json()["error"]
            assert versions(server) == {first}
        assert server.metric("framework_swaps_total", outcome="refused") == len(DAMAGES)


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGES], ids=lambda damage: damage.__name__)
def test_a_bad_artifact_is_not_served_at_all(tmp_path: Path, copies: tuple[Path, Path], damage: Callable[[Path], None]) -> None:
    message = dict(DAMAGES)[damage]
    damage(copies[1])
    with pytest.raises(AssertionError, match=message), serving(tmp_path / "s", copies[1]):
        pass


def test_one_process_that_cannot_open_it_stops_the_swap_in_all(tmp_path: Path, latest: Path, copies: tuple[Path, Path]) -> None:
    """One process stands still and dies while the other is ready to switch."""
    with serving(tmp_path / "s", f"tone={latest}", "--workers", "2", env=ENV) as server:
        first = server.version()
        point(latest, copies[1])
        os.kill(server.workers()[0], signal.SIGSTOP)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1.5)
        os.kill(server.workers()[0], signal.SIGKILL)
        refused = server.logged(event="not swapped")
        assert refused["problems"] == ["a process ended meanwhile", "nothing was changed"]
        until(lambda: len(server.workers()) == 2)
        assert versions(server) == {first}


def test_a_process_that_dies_is_started_anew_with_what_answers_now(
    tmp_path: Path, latest: Path, copies: tuple[Path, Path]
) -> None:
    with serving(tmp_path / "s", f"tone={latest}", "--workers", "2", env=ENV) as server:
        point(latest, copies[1])
        second = server.post("/admin/swap", headers=ADMIN).json()["models"][0]["version"]
        point(latest, copies[0])
        before = server.workers()
        os.kill(int(before[0]), signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and server.workers() != before)
        assert versions(server) == {second}
        assert server.stop() == 0


def test_while_no_process_can_be_started_anew_the_others_go_on(tmp_path: Path, latest: Path, copies: tuple[Path, Path]) -> None:
    with serving(tmp_path / "s", f"tone={latest}", "--workers", "2", env=ENV) as server:
        first = server.version()
        away = copies[0].rename(tmp_path / "away")
        os.kill(server.workers()[0], signal.SIGKILL)
        until(lambda: sum(line["event"] == "a process ended" for line in server.log()) >= 2)  # the one started anew, too
        assert versions(server) == {first}
        away.rename(copies[0])
        until(lambda: sum(line["event"] == "serving" for line in server.log()) >= 3)
        until(lambda: len(server.workers()) == 2)


def test_metrics_add_up_across_processes(tmp_path: Path, run_folder: Path) -> None:
    with serving(tmp_path / "s", run_folder, "--workers", "2") as server:
        # each is counted after its answer
        for _ in range(30):
            assert server.predict("the lovely flight").status_code == 200
        until(lambda: server.metric("framework_requests_total", endpoint="predict", status="200") == 30)
        assert server.metric("framework_inputs_total") == 30


def test_no_request_fails_while_models_change(tmp_path: Path, latest: Path, copies: tuple[Path, Path]) -> None:
    with serving(tmp_path / "s", f"tone={latest}", env=ENV) as server:
        stop, statuses, seen = threading.Event(), [], set()

        def ask() -> None:
            with httpx.Client(base_url=server.url, timeout=60, headers=ADMIN) as client:
                while not stop.is_set():
                    response = client.post("/v1/predict", json={"inputs": ["the lovely flight"] * 3})
                    statuses.append(response.status_code)
                    seen.add(response.json()["version"])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        third = Path(shutil.copytree(copies[1], tmp_path / "third"))
        reseal(third, created="later")
        for turn in range(9):  # of three the one before the last was let go of, so that each is opened anew
            point(latest, (*copies, third)[turn % 3])
            assert server.post("/admin/swap", headers=ADMIN).status_code == 200
        stop.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200}
        assert len(seen) == 3


def test_an_admin_request_names_no_path(tmp_path: Path, latest: Path, copies: tuple[Path, Path]) -> None:
    with serving(tmp_path / "s", f"tone={latest}", env=ENV) as server:
        for body, status in (
            ({"model": str(copies[1])}, 409), ({"model": "tone", "artifact": str(copies[1])}, 422), ({"model": 3}, 422),
            ([], 422), (b"{", 400), (b" " * 2000, 413),
        ):  # fmt: skip
            assert server.post("/admin/swap", body, headers=ADMIN).status_code == status, body
        assert server.post("/admin/swap", headers={"Authorization": "Bearer no"}).status_code == 401
