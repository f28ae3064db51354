"""A disk that refuses to be written to: one message, exit code 1, no half file, and what was written before stays."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from framework.errors import FrameworkError
from framework.machine.disk import whole
from tests import forked


def command(folder: Path, run: Path, *arguments: str, limit: int = -1) -> subprocess.CompletedProcess[str]:
    return forked.run(folder, "recipe=sentiment", *arguments, f"hydra.run.dir={run}", file_limit=limit)


def ended_well(done: subprocess.CompletedProcess[str], run: Path) -> str:
    """What every refused write has in common; returns the message."""
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said, "fault of the framework" in said) == (1, False, False), said
    hidden = [path for path in run.rglob(".*") if path.name.endswith("-unfinished")]
    assert (hidden, (run / "artifact").exists(), (run.parent / "latest").is_symlink()) == ([], False, False)
    for checkpoint in run.glob("trials/*/checkpoints/*.ckpt"):
        assert torch.load(checkpoint, weights_only=True)["state_dict"]
    message = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(message) == 1, said
    return message[0]


@pytest.mark.parametrize(
    ("limit", "more", "file"),
    [
        (1000, [], "run"),  # the recipe itself
        (6000, [], "data/train.arrow"),
        (60_000, [], "checkpoints/best-epoch0.ckpt"),
    ],
)
def test_a_file_that_may_not_grow_is_named(tmp_path: Path, small: list[str], limit: int, more: list[str], file: str) -> None:
    run = tmp_path / "runs" / "run"
    done = command(tmp_path, run, *small, "export=[onnx]", "tracker=none", *more, limit=limit)
    message = ended_well(done, run)
    assert f"{file}: files may not grow that large here (ulimit -f)" in message
    assert "MB are free; make room" in message
    assert (run / "config.yaml").exists() == (limit > 1000)
    assert not list(run.glob("trials/*/checkpoints/*.ckpt"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A file system of its own, of a given size."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> Path:
        line = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
        if subprocess.run(line, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system is not permitted here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("size", "export", "file", "checkpoints"),
    [
        ("460k", "[onnx]", "checkpoints/last.ckpt", ["best-epoch0.ckpt"]),
        ("860k", "[onnx]", "checkpoints/best-epoch", ["best-epoch0.ckpt", "last.ckpt"]),
        ("860k", "[onnx]", ".fine_tuned-unfinished/onnx", ["best-epoch0.ckpt", "last.ckpt"]),
        ("1000k", "[onnx,torchscript]", ".fine_tuned-unfinished/torchscript", ["best-epoch0.ckpt", "last.ckpt"]),
        ("930k", "[onnx,onnx_int8]", ".fine_tuned-unfinished/onnx_int8", ["best-epoch0.ckpt", "last.ckpt"]),
    ],
)
def test_a_full_disk_leaves_the_checkpoints_written_so_far(
    tmp_path: Path, small: list[str], small_disk: Callable[..., Path],
    size: str, export: str, file: str, checkpoints: list[str],
) -> None:  # fmt: skip
    run = small_disk(f"size={size}") / "run"
    epochs = 1 if "unfinished" in file else 4
    done = command(tmp_path, run, *small, f"trainer.max_epochs={epochs}", f"export={export}", "tracker=none")
    message = ended_well(done, run)
    assert re.search(rf"{re.escape(file)}(\d\.ckpt)?: no space left on the disk; about 0\.", message)
    assert "unfinished" in file or "MB are free, and this run may need 1.0 MB" in done.stdout
    kept = sorted(path.name for path in run.glob("trials/*/checkpoints/*.ckpt"))
    assert len(kept) == len(checkpoints)
    assert kept[-1] == checkpoints[-1] or kept == checkpoints


def test_a_disk_that_fills_up_during_a_fit_is_one_error_and_resume_goes_on(
    tmp_path: Path, small: list[str], small_disk: Callable[..., Path]
) -> None:
    disk = small_disk("size=700k")
    words = ["candidates=[linear,fine_tuned]", "export=[quick]", "tracker=none"]
    done = command(tmp_path, disk / "run", *small, *words)
    assert "no space left on the disk" in ended_well(done, disk / "run")
    assert "once that is mended: python -m framework resume disk/run goes on with it" in done.stdout
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    again = forked.run(tmp_path, "resume", str(disk / "run"))
    assert again.returncode == 0, again.stderr
    assert "TF-IDF + logistic regression: the fit begins" not in again.stdout
    assert (disk / "run" / "artifact" / "manifest.json").is_file()


def test_a_disk_without_room_for_the_model_is_refused_before_training(
    tmp_path: Path, small: list[str], small_disk: Callable[..., Path]
) -> None:
    run = small_disk("size=220k") / "run"
    message = ended_well(command(tmp_path, run, *small, "tracker=none"), run)
    assert "0.1 MB are free; two checkpoints of this model need at least 0.1 MB, the whole run about 1." in message
    assert not (run / "logs").exists()


def test_tensorboard_on_a_full_disk_is_no_traceback(tmp_path: Path, small: list[str], small_disk: Callable[..., Path]) -> None:
    run = small_disk("size=16k") / "run"
    message = ended_well(command(tmp_path, run, *small), run)
    assert "no space left on the disk" in message


def test_a_read_only_folder_is_one_message(tmp_path: Path, small: list[str], small_disk: Callable[..., Path]) -> None:
    run = small_disk("size=1m", "ro") / "run"
    assert "run: the file system is read-only" in ended_well(command(tmp_path, run, *small), run)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_message(tmp_path: Path, small: list[str]) -> None:
    (tmp_path / "runs").mkdir(mode=0o555)
    run = tmp_path / "runs" / "run"
    assert "run: permission denied" in ended_well(command(tmp_path, run, *small), run)


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("of the last run")
    with suppress(FrameworkError), whole(tmp_path / "report.html") as unfinished:
        unfinished.write_text("half")
        raise FrameworkError("full")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "of the last run"
